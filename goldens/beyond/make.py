"""What is built on SparseGPT: refinement by conjugate gradients, matching the dense model. Float64."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, write_json  # noqa: E402

ROWS, COLUMNS, TOKENS, DAMPING, SEED = 24, 64, 150, 0.01, 31


def layer() -> dict[str, torch.Tensor]:
    """W [rows, columns]; X [columns, tokens] of 16 shared directions, unequal column scales and some noise."""
    generator = seeded(SEED)
    x = normal(generator, COLUMNS, 16) @ normal(generator, 16, TOKENS) / 4 + 0.3 * normal(generator, COLUMNS, TOKENS)
    x *= torch.exp(0.7 * normal(generator, COLUMNS, 1))
    return {"weight": normal(generator, ROWS, COLUMNS) / 8, "inputs": x, "hessian": x @ x.T}


def damped(hessian):
    return hessian + DAMPING * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)


def two_of_four(scores):
    """True where kept: the two largest of every four."""
    order = scores.reshape(-1, 4).argsort(dim=1, descending=True, stable=True)[:, :2]
    return torch.zeros(scores.numel() // 4, 4, dtype=torch.bool).scatter_(1, order, True).view_as(scores)


def conjugate_gradients(weight, h, start, keep, iterations):
    """Row-wise with Jacobi's preconditioner, on what `keep` keeps; h is damped already."""
    diagonal, x = h.diagonal(), start.clone()
    residual = keep * ((weight - x) @ h)
    direction = residual / diagonal
    rz = (residual * direction).sum(1, keepdim=True)
    for _ in range(iterations):
        product = keep * (direction @ h)
        step = rz / (direction * product).sum(1, keepdim=True)
        x, residual = x + step * direction, residual - step * product
        scaled = residual / diagonal
        remaining = (residual * scaled).sum(1, keepdim=True)
        direction, rz = scaled + remaining / rz * direction, remaining
    return x


def least_squares(weight, h, keep):
    best = torch.zeros_like(weight)
    for row in range(len(weight)):
        kept = torch.nonzero(keep[row]).flatten()
        best[row, kept] = torch.linalg.solve(h[kept][:, kept], h[kept] @ weight[row])
    return best


def refine_case(parts):
    weight, h = parts["weight"], damped(parts["hessian"])
    keep = two_of_four(weight**2 * parts["hessian"].diagonal())
    energy = lambda x: (((weight - x) @ h) * (weight - x)).sum().item()  # noqa: E731
    start, optimum = weight * keep, least_squares(weight, h, keep)
    steps = [conjugate_gradients(weight, h, start, keep, count) for count in range(11)]
    energies = [energy(x) for x in steps]
    assert all(after < before for before, after in zip(energies, energies[1:])) and energies[-1] < 1.05 * energy(optimum)
    return {"keep": keep.long(), "refined": steps[10], "energies": energies, "leastSquares": optimum, "least": energy(optimum)}


def match_case():
    """What serves best instead of W [10, 16] on inputs X, where the dense model has X' and the residual streams R', R."""
    generator = seeded(SEED + 1)
    weight, dense = normal(generator, 10, 16), normal(generator, 16, 5) @ normal(generator, 5, 90) + 0.5 * normal(generator, 16, 90)
    x = dense + 0.3 * normal(generator, 16, 16) @ dense + 0.1 * normal(generator, 16, 90)
    dense_residual = normal(generator, 10, 90)
    residual = dense_residual + 0.2 * normal(generator, 10, 16) @ x
    strength = DAMPING * (x @ x.T).diagonal().mean()

    def solve(wanted):
        """min over V of |V X - wanted|^2 + strength |V - W|^2, as one tall least-squares problem."""
        tall = torch.cat([x.T, strength.sqrt() * torch.eye(16, dtype=torch.float64)])
        return torch.linalg.lstsq(tall, torch.cat([wanted.T, strength.sqrt() * weight.T])).solution.T

    return {
        "weight": weight, "inputs": x, "denseInputs": dense, "residual": residual, "denseResidual": dense_residual,
        "matchedInner": solve(weight @ dense), "matchedOuter": solve(weight @ dense + dense_residual - residual),
    }


def admm_case(parts, pattern):
    """As ALPS: unit diagonal, growing penalty, stop when the mask rests; then conjugate gradients."""
    weight, h = parts["weight"], damped(parts["hessian"])
    scale = h.diagonal().sqrt()
    unit = h / scale[:, None] / scale
    values, vectors = torch.linalg.eigh(unit)

    def keep_of(scores):
        if pattern == "2:4":
            return two_of_four(scores)
        keep = torch.ones(scores.numel(), dtype=torch.bool)
        keep[torch.sort(scores.flatten(), stable=True).indices[: scores.numel() // 2]] = False
        return keep.view_as(scores)

    scaled, rho = weight * scale, 0.3
    known = keep_of(scaled**2)
    sparse, dual, pull = scaled * known, torch.zeros_like(weight), scaled @ unit
    for iteration in range(1, 61):
        z = ((pull - dual + rho * sparse) @ vectors / (values + rho)) @ vectors.T
        keep = keep_of((z + dual / rho) ** 2)
        sparse = (z + dual / rho) * keep
        dual = dual + rho * (z - sparse)
        if iteration % 3 == 0:
            changed, known, rho = (keep != known).sum().item(), keep, rho * 1.3
            if changed < 2 and iteration >= 12:
                break
    found = conjugate_gradients(weight, h, sparse / scale, keep, 10)
    error = (((weight - found) @ parts["hessian"]) * (weight - found)).sum() / ((weight @ parts["hessian"]) * weight).sum()
    return {"pattern": pattern, "iterations": iteration, "keep": keep.long(), "pruned": found, "error": error.item()}


def main() -> None:
    parts = layer()
    refine = refine_case(parts)
    print("refine", refine["energies"], refine["least"])
    write_json(HERE / "refine.json", {
        "seed": SEED, "damping": DAMPING,
        "conventions": "keep 1 = kept (2:4 by W^2 H_jj); refined: after 10 iterations from W on that mask; energies[i] = "
        "tr((W-What) H (W-What)^T) with the damped H after i iterations; leastSquares: the row-wise optimum, least its energy",
        "weight": parts["weight"], "hessian": parts["hessian"], **refine,
    })
    cases = [admm_case(parts, pattern) for pattern in ("2:4", "0.5")]
    print("admm", [(case["iterations"], case["error"]) for case in cases])
    write_json(HERE / "admm.json", {
        "seed": SEED, "damping": DAMPING, "layer": "that of refine.json",
        "conventions": "keep 1 = kept; iterations until the mask rests; pruned after 10 conjugate-gradient iterations; error with "
        "the undamped H",
        "cases": cases,
    })
    write_json(HERE / "match.json", {
        "seed": SEED + 1, "damping": DAMPING,
        "conventions": "inputs X, denseInputs X' [16, 90]; residual streams [10, 90] before the layer's output is added; matched V: "
        "least |V X - W X'|^2 + lambda |V - W|^2 (inner), |V X - W X' - (R' - R)|^2 + ... (outer), lambda = damping mean diag X X^T",
        **match_case(),
    })


if __name__ == "__main__":
    print(SOURCE)
    main()
