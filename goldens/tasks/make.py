"""What lm-evaluation-harness makes of the rows in `data/` with the embedded model: its own tasks, read from these files."""

import json
import sys
import tempfile
from pathlib import Path

import lm_eval
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, write_json  # noqa: E402

MODEL = ROOT / "packages/tiny-llama/data"
TASKS = Path(lm_eval.__file__).parent / "tasks"
YAML = {
    "piqa": "piqa/piqa.yaml",
    "hellaswag": "hellaswag/hellaswag.yaml",
    "arc_easy": "arc/arc_easy.yaml",
    "arc_challenge": "arc/arc_challenge.yaml",
    "winogrande": "winogrande/default.yaml",
    "boolq": "super_glue/boolq/default.yaml",
    "openbookqa": "openbookqa/openbookqa.yaml",
    "lambada_openai": "lambada/lambada_openai.yaml",
}
SHOTS = 2
# name of the run: (task, few-shot examples, their sampler, whether the tokenizer begins every text with a token)
RUNS = {
    **{task: (task, 0, "first_n", False) for task in YAML},
    **{f"{task}, first {SHOTS} shots": (task, SHOTS, "first_n", False) for task in ("winogrande", "boolq")},
    **{f"{task}, {SHOTS} shots": (task, SHOTS, "default", False) for task in ("piqa", "arc_easy", "winogrande")},
    **{f"{task}, first token": (task, 0, "first_n", True) for task in ("openbookqa", "winogrande")},
}


def local_task(task: str, sampler: str, folder: Path) -> str:
    """A task that is the harness's own but for where its rows are; its name."""
    files = {path.stem: str(path) for path in sorted((HERE / "data" / task).glob("*.jsonl"))}
    name = f"{sampler}_{task}"
    text = [
        f"include: {TASKS / YAML[task]}",
        f"task: {name}",
        "dataset_path: json",
        "dataset_name: null",
        f"dataset_kwargs: {json.dumps({'data_files': files})}",
        *([] if "train" in files else ["training_split: null"]),
        *([] if "validation" in files else ["validation_split: null"]),
        *(["fewshot_config:", f"  sampler: {sampler}"]),
    ]
    (folder / f"{name}.yaml").write_text("\n".join(text) + "\n")
    return name


def language_model(first_token: bool) -> HFLM:
    backend = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    if first_token:
        backend.post_processor = TemplateProcessing(single="<|eot|> $A", special_tokens=[("<|eot|>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|eot|>", eos_token="<|eot|>")
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4, device="cpu")


def run(lm: HFLM, manager: TaskManager, task: str, shots: int, sampler: str) -> dict:
    name = f"{sampler}_{task}"
    found = lm_eval.simple_evaluate(
        model=lm, tasks=[name], num_fewshot=shots, task_manager=manager, log_samples=True, bootstrap_iters=1000
    )
    metrics = {
        key.removesuffix(",none"): value
        for key, value in found["results"][name].items()
        if key.endswith(",none")
    }
    names = [metric for metric in metrics if not metric.endswith("_stderr")]
    samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
    rows = [
        {
            # The harness turns them into text for its log.
            "scores": [[float(value), str(greedy) == "True"] for value, greedy in sample["filtered_resps"]],
            **{metric: sample[metric] for metric in names},
        }
        for sample in samples
    ]
    return {"task": task, "shots": shots, "sampler": sampler, "version": found["versions"][name], "metrics": metrics, "rows": rows}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for task in YAML:
            for sampler in ("first_n", "default"):
                local_task(task, sampler, Path(folder))
        manager = TaskManager(include_path=folder)
        models = {first: language_model(first) for first in (False, True)}
        runs = {}
        for name, (task, shots, sampler, first) in RUNS.items():
            runs[name] = {**run(models[first], manager, task, shots, sampler), "firstToken": first}
    source = f"lm-eval {lm_eval.__version__}, {SOURCE}"
    write_json(HERE / "golden.json", {"source": source, "model": "packages/tiny-llama, float32", "runs": runs})


if __name__ == "__main__":
    main()
