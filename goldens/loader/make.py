"""Rotated and pruned checkpoints that `e2e/transformers-loader.test.ts` writes, and what transformers makes of them with the file they carry."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, write_json, write_tensors  # noqa: E402

WRITE = ["npx", "-y", "pnpm@12", "exec", "vitest", "run", "e2e/transformers-loader.test.ts"]


def load(folder: Path, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=dtype).eval()


def refuses_without_trust(folder: Path) -> None:
    for reader in (AutoConfig, AutoModelForCausalLM):
        try:
            reader.from_pretrained(folder, trust_remote_code=False)
        except ValueError as error:
            assert "trust_remote_code" in str(error), error
        else:
            raise AssertionError(f"{folder.name}: {reader.__name__} reads it without trust")


def logits_of(model, input_ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids).logits.float()


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def error_of_bfloat16(folder: Path, input_ids: torch.Tensor) -> float:
    return relative(logits_of(load(folder, torch.bfloat16), input_ids), logits_of(load(folder), input_ids))


def check_shared(folder: Path, source: Path) -> torch.Tensor:
    """Logits in float32 by the stock classes: rotations that all blocks share leave an ordinary checkpoint."""
    input_ids = load_file(source / "golden.safetensors")["input_ids"].long()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    assert model.config.model_type == AutoConfig.from_pretrained(source).model_type
    assert type(model).__module__.startswith("transformers.models.")
    return logits_of(model.eval(), input_ids)


def check_packed(folder: Path, plain: Path, source: Path, scratch: Path) -> None:
    """Packed weights make the plain model, to the bit, which is what is saved again; stock classes refuse them."""
    refuses_without_trust(folder)
    input_ids = load_file(source / "golden.safetensors")["input_ids"].long()
    model, expected = load(folder), logits_of(load(plain), input_ids)
    assert torch.equal(logits_of(model, input_ids), expected), f"{folder.name}: differs from the plain one"
    model.save_pretrained(scratch)
    assert torch.equal(logits_of(load(scratch), input_ids), expected), f"{folder.name}: differs when saved again"
    stock = getattr(transformers, f"{type(AutoConfig.from_pretrained(source)).__name__.removesuffix('Config')}ForCausalLM")
    try:
        stock.from_pretrained(folder)
    except ValueError as error:
        assert "quant_method" in str(error), error
    else:
        raise AssertionError(f"{folder.name}: {stock.__name__} reads it")


def check(folder: Path, source: Path, scratch: Path) -> tuple[torch.Tensor, dict[str, float]]:
    """Logits in float32, and the relative errors of bfloat16 here and of the checkpoint that it was made from."""
    refuses_without_trust(folder)
    input_ids = load_file(source / "golden.safetensors")["input_ids"].long()
    model = load(folder)
    logits = logits_of(model, input_ids)
    assert model.config.model_type.startswith("denoise_rotator_")

    model.save_pretrained(scratch)  # what transformers saves again carries the file too
    assert torch.equal(logits_of(load(scratch), input_ids), logits), f"{folder.name}: differs when saved again"
    again = input_ids[:, :4]
    continued = model.generate(
        again, attention_mask=torch.ones_like(again), max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=0,
    )
    for _ in range(4):  # without a cache
        again = torch.cat([again, logits_of(model, again)[:, -1:].argmax(-1)], 1)
    assert torch.equal(continued, again), f"{folder.name}: generates otherwise with a cache"

    half = load(folder, torch.bfloat16).named_parameters()
    rotations = {name: parameter.dtype for name, parameter in half if "input_rotation" in name}
    assert rotations and set(rotations.values()) == {torch.float32}, rotations
    return logits, {"rotated": error_of_bfloat16(folder, input_ids), "source": error_of_bfloat16(source, input_ids)}


if __name__ == "__main__":
    print(SOURCE)
    with tempfile.TemporaryDirectory() as temporary:
        folders = Path(sys.argv[1] if sys.argv[1:] else Path(temporary) / "written")
        if not sys.argv[1:]:
            subprocess.run(WRITE, cwd=ROOT, env={**os.environ, "ROTATED_CHECKPOINTS": str(folders)}, check=True)
        files, logits, bfloat16 = {}, {}, {}
        for folder in sorted(folders.iterdir()):
            name, source = folder.name, HERE.parent / "families" / re.sub("-(shared|packed|rows|rows-packed)$", "", folder.name)
            files[name] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
            if name.endswith("-packed"):
                check_packed(folder, folders / name.removesuffix("-packed"), source, Path(temporary) / "again" / name)
                print(name)
                continue
            if name.endswith("-shared"):
                logits[name] = check_shared(folder, source)
                print(name)
                continue
            logits[name], bfloat16[name] = check(folder, source, Path(temporary) / "again" / name)
            print(name, "bfloat16:", *(f"{key} {value:.1e}" for key, value in bfloat16[name].items()))
    write_tensors(HERE / "golden.safetensors", logits)
    write_json(HERE / "golden.json", {
        "computed": "float32 from the files by AutoModelForCausalLM (with trust_remote_code but for -shared), PyTorch's attention",
        "bfloat16": bfloat16,  # largest error of the logits relative to the largest logit, computed in bfloat16
        "files": files,
        "tensors": {name: list(x.shape) for name, x in logits.items()},
    })
