"""Writing golden files: where they go, how they name their source, how tensors become JSON."""

import json
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

SOURCE = f"PyTorch {torch.__version__.split('+')[0]}, transformers {version('transformers')}"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(generator: torch.Generator, *shape: int, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def uniform(generator: torch.Generator, *shape: int, low=0.0, high=1.0) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def as_json(value):
    """Tensors become {shape, data} with data flat in row-major order; floats keep all their digits."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1)
        return {"shape": list(value.shape), "data": [int(x) if not value.is_floating_point() else float(x) for x in flat]}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value


def write_json(path: Path, content: dict) -> None:
    """One line per top-level entry (per case, for a list of cases), so that a diff shows what changed."""
    lines = []
    for key, value in {"source": SOURCE, **content}.items():
        value = as_json(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = "[\n" + ",\n".join("    " + json.dumps(item, allow_nan=False) for item in value) + "\n  ]"
        else:
            body = json.dumps(value, allow_nan=False)
        lines.append(f"  {json.dumps(key)}: {body}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path)
