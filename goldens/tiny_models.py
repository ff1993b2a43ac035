"""Random tiny checkpoints with what transformers computes for them, block by block."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from golden_files import normal, seeded, write_json, write_tensors

# Of the linear layers that read one input, the first, whose inputs are recorded; and what our tests call it.
SITES = {"self_attn.q_proj": "qProj", "self_attn.o_proj": "oProj", "mlp.gate_proj": "gateProj", "mlp.down_proj": "downProj"}


@dataclass
class Case:
    seed: int
    tokens: int
    config: PreTrainedConfig
    dtype: torch.dtype = torch.float32
    max_shard: str | None = None
    dialect: int = 4  # of config.json: that of transformers 4 or 5
    grams: bool = False
    extra: dict = field(default_factory=dict)  # keys that real files of the family have besides


def randomise(model: PreTrainedModel, seed: int, dtype: torch.dtype) -> None:
    """Weights of unit gain (so that attention is far from uniform), norm gains around 1, biases around 0, all
    representable in the dtype that they are stored in."""
    generator = seeded(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = normal(generator, *parameter.shape)
            if name.endswith("norm.weight"):
                value = 1 + 0.3 * draw
            elif name.endswith("bias"):
                value = 0.3 * draw
            elif "embed_tokens" in name:
                value = 0.35 * draw
            else:
                value = 1.2 * draw / parameter.shape[1] ** 0.5
            parameter.copy_(value.to(dtype))


def to_transformers4_dialect(config: dict) -> dict:
    config = dict(config)
    rope = dict(config.pop("rope_parameters"))
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    del config["transformers_version"]  # it was not written by a transformers 4
    return dict(sorted(config.items()))


def observe(model: PreTrainedModel, input_ids: torch.Tensor, grams: bool) -> dict[str, torch.Tensor]:
    """Embeddings, outputs of every block, logits, losses; with `grams` H = X Xᵀ of the inputs of every linear layer."""
    seen = {}

    def keep(name):
        def hook(_module, _inputs, output):
            seen[name] = output[0] if isinstance(output, tuple) else output
        return hook

    def keep_gram(name):
        def hook(_module, inputs):
            x = inputs[0].flatten(0, 1).double()
            seen[name] = (x.T @ x).float()
        return hook

    hooks = [model.model.embed_tokens.register_forward_hook(keep("embeddings"))]
    for index, layer in enumerate(model.model.layers):
        hooks.append(layer.register_forward_hook(keep(f"block.{index}")))
        for path, site in SITES.items() if grams else ():
            hooks.append(layer.get_submodule(path).register_forward_pre_hook(keep_gram(f"block.{index}.{site}.gram")))
    with torch.no_grad():
        logits = model(input_ids, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), input_ids[:, 1:], reduction="none")
    return {"input_ids": input_ids.float(), "logits": logits, "nll": nll, **seen}


def make(folder: Path, case: Case) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    model = AutoModelForCausalLM.from_config(case.config, attn_implementation="eager").float().eval()
    randomise(model, case.seed, case.dtype)
    shape = (2, case.tokens)
    input_ids = torch.randint(0, case.config.vocab_size, shape, generator=seeded(case.seed + 1000))
    golden = observe(model, input_ids, case.grams)

    model.to(case.dtype).save_pretrained(folder, **({"max_shard_size": case.max_shard} if case.max_shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    config_file = folder / "config.json"
    saved = {**json.loads(config_file.read_text()), **case.extra}
    if case.dialect == 4:
        saved = to_transformers4_dialect(saved)
    config_file.write_text(json.dumps(saved, indent=2) + "\n")

    reloaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    again = observe(reloaded, input_ids, False)["logits"]
    assert torch.equal(again, golden["logits"]), f"{folder.name}: reading the checkpoint back changes the logits"

    write_tensors(folder / "golden.safetensors", golden)
    write_json(folder / "golden.json", {
        "seed": case.seed,
        "computed": "float32, eager attention, positions from 0",
        "stored": str(case.dtype).removeprefix("torch."),
        "tensors": {key: list(value.shape) for key, value in golden.items()},
    })
    print(folder.name, f"mean nll {golden['nll'].mean():.3f}", f"largest logit {golden['logits'].abs().max():.2f}")
