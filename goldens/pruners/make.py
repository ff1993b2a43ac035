"""Masks of magnitude, Wanda and SparseGPT, SparseGPT's weights, and the errors of all of them, in float64."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, write_json, write_tensors  # noqa: E402

ROWS, COLUMNS, TOKENS, DAMPING = 48, 160, 400, 0.01
DEAD = [5, 64, 65, 131]


# ------------------------------------------------------------------------------------------------- layers

def layer(seed: int, dead: list[int]) -> dict[str, torch.Tensor]:
    """W [rows, columns]; X [columns, tokens] of 40 shared directions, unequal column scales and some noise."""
    generator = seeded(seed)
    weight = normal(generator, ROWS, COLUMNS) / COLUMNS**0.5
    mixing, factors = normal(generator, COLUMNS, 40), normal(generator, 40, TOKENS)
    x = mixing @ factors / 40**0.5 + 0.3 * normal(generator, COLUMNS, TOKENS)
    x *= torch.exp(0.7 * normal(generator, COLUMNS, 1))
    x[dead] = 0
    return {"weight": weight, "hessian": x @ x.T}


# -------------------------------------------------------------------------------------------------- masks
# True is pruned. Ties go to the lower index (row-major), which the stable sort gives.

def smallest(scores: torch.Tensor, count: int) -> torch.Tensor:
    pruned = torch.zeros(scores.numel(), dtype=torch.bool)
    pruned[torch.sort(scores.reshape(-1), stable=True).indices[:count]] = True
    return pruned.view_as(scores)


def smallest_in_rows(scores: torch.Tensor, count: int) -> torch.Tensor:
    order = torch.sort(scores, dim=1, stable=True).indices[:, :count]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)


def smallest_in_groups(scores: torch.Tensor, keep: int, of: int) -> torch.Tensor:
    return smallest_in_rows(scores.reshape(-1, of), of - keep).view_as(scores)


def magnitude_mask(weight, pattern):
    if "keep" in pattern:
        return smallest_in_groups(weight**2, pattern["keep"], pattern["of"])
    return smallest(weight**2, int(pattern["sparsity"] * weight.numel()))


def wanda_mask(weight, hessian, pattern):
    scores = weight**2 * hessian.diagonal()
    if "keep" in pattern:
        return smallest_in_groups(scores, pattern["keep"], pattern["of"])
    return smallest_in_rows(scores, int(pattern["sparsity"] * weight.shape[1]))


# ---------------------------------------------------------------------------------------------- SparseGPT

def revive_and_damp(weight, hessian):
    weight, hessian = weight.clone(), hessian.clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1
    weight[:, dead] = 0
    return weight, hessian + DAMPING * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)


def sparsegpt(weight, hessian, pattern, block):
    """Returns the pruned weight and the mask (True is pruned)."""
    weight, hessian = revive_and_damp(weight, hessian)
    u = torch.linalg.cholesky(torch.linalg.inv(hessian), upper=True)  # H^-1 = U^T U
    rows, columns = weight.shape
    mask = torch.zeros_like(weight, dtype=torch.bool)
    for start in range(0, columns, block):
        end = min(start + block, columns)
        if "sparsity" in pattern:
            scores = weight[:, start:end] ** 2 / u.diagonal()[start:end] ** 2
            mask[:, start:end] = smallest(scores, int(pattern["sparsity"] * rows * (end - start)))
        errors = torch.zeros(rows, end - start, dtype=torch.float64)
        for j in range(start, end):
            if "keep" in pattern and j % pattern["of"] == 0:
                group = slice(j, j + pattern["of"])
                scores = weight[:, group] ** 2 / u.diagonal()[group] ** 2
                mask[:, group] = smallest_in_rows(scores, pattern["of"] - pattern["keep"])
            error = torch.where(mask[:, j], weight[:, j], 0) / u[j, j]
            weight[:, j] = torch.where(mask[:, j], 0, weight[:, j])
            weight[:, j + 1 : end] -= error[:, None] * u[j, j + 1 : end]
            errors[:, j - start] = error
        weight[:, end:] -= errors @ u[start:end, end:]
    return weight, mask


def least_squares(weight, hessian, mask):
    """The best weights on what the mask keeps, row by row, for the same damped H that SparseGPT uses."""
    weight, hessian = revive_and_damp(weight, hessian)
    best = torch.zeros_like(weight)
    for row in range(len(weight)):
        kept = torch.nonzero(~mask[row]).flatten()
        best[row, kept] = torch.linalg.solve(hessian[kept][:, kept], hessian[kept] @ weight[row])
    return best


# -------------------------------------------------------------------------------------------------- cases

def relative_error(weight, pruned, hessian) -> float:
    """||(W - What) X||^2 / ||W X||^2"""
    difference = weight - pruned
    return (((difference @ hessian) * difference).sum() / ((weight @ hessian) * weight).sum()).item()


CASES = [
    ("2of4", "correlated", dict(keep=2, of=4), 128),
    ("4of8", "correlated", dict(keep=4, of=8), 128),
    ("1of4", "correlated", dict(keep=1, of=4), 128),
    ("half", "correlated", dict(sparsity=0.5), 128),
    ("thirty", "correlated", dict(sparsity=0.3), 128),
    ("half-block32", "correlated", dict(sparsity=0.5), 32),
    ("2of4-dead", "dead", dict(keep=2, of=4), 128),
    ("half-dead", "dead", dict(sparsity=0.5), 128),
]


def main() -> None:
    layers = {"correlated": layer(21, []), "dead": layer(22, DEAD)}
    tensors = {f"{name}.{key}": value for name, parts in layers.items() for key, value in parts.items()}
    records = []
    for name, layer_name, pattern, block in CASES:
        weight, hessian = layers[layer_name]["weight"], layers[layer_name]["hessian"]
        pruned, mask = sparsegpt(weight, hessian, pattern, block)
        masks = {
            "magnitude": magnitude_mask(weight, pattern),
            "wanda": wanda_mask(weight, hessian, pattern),
            "sparsegpt": mask,
        }
        for pruner, pruner_mask in masks.items():
            tensors[f"{name}.{pruner}.mask"] = pruner_mask.to(torch.uint8)
        tensors[f"{name}.sparsegpt.weight"] = pruned
        damped_weight, damped = revive_and_damp(weight, hessian)
        optimum = least_squares(weight, hessian, mask)
        errors = {
            "magnitude": relative_error(weight, torch.where(masks["magnitude"], 0, weight), hessian),
            "wanda": relative_error(weight, torch.where(masks["wanda"], 0, weight), hessian),
            "sparsegpt": relative_error(weight, pruned, hessian),
            "leastSquares": relative_error(weight, optimum, hessian),
        }
        damped_errors = {
            "sparsegpt": relative_error(damped_weight, pruned, damped),
            "leastSquares": relative_error(damped_weight, optimum, damped),
        }
        assert damped_errors["leastSquares"] <= damped_errors["sparsegpt"] < 1
        assert errors["sparsegpt"] < errors["wanda"]
        records.append({
            "name": name, "layer": layer_name, "pattern": pattern, "block": block,
            "pruned": {pruner: int(m.sum()) for pruner, m in masks.items()},
            "errors": errors, "dampedErrors": damped_errors,
        })
        print(name, {key: round(value, 5) for key, value in errors.items()}, damped_errors)
    write_tensors(HERE / "sparsegpt.safetensors", tensors)
    write_json(HERE / "sparsegpt.json", {
        "seed": {"correlated": 21, "dead": 22}, "rows": ROWS, "columns": COLUMNS, "damping": DAMPING, "deadColumns": DEAD,
        "conventions": "mask 1 = pruned; pattern {keep, of}: of every `of` inputs `keep` stay; pattern {sparsity}: share pruned; "
        "errors: ||(W-What)X||^2/||WX||^2 with the undamped H; dampedErrors: the same with the damped H, dead columns of W at 0",
        "cases": records,
    })


if __name__ == "__main__":
    print(SOURCE)
    main()
