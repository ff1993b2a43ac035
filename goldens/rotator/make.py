"""Objectives of one tiny block, their Euclidean gradients by autograd, and short runs of the solvers, in float64.

Everything follows the plain definitions (rotate, square, scale, normalise), not the closed-form gradients."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, write_json  # noqa: E402

SEED = 51
HIDDEN, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE, DAMPING = 16, 4, 2, 4, 24, 0.01
STATISTICS = {"q": "qkv", "k": "qkv", "v": "qkv", "o": "o", "gate": "gateUp", "up": "gateUp", "down": "down"}


def eye(size):
    return torch.eye(size, dtype=torch.float64)


def random_orthogonal(g, *shape):
    q, r = torch.linalg.qr(normal(g, *shape))
    return q * torch.sign(r.diagonal(dim1=-2, dim2=-1))[..., None, :]


def make_block():
    g = seeded(SEED)
    kv = KV_HEADS * HEAD_DIM
    shapes = {"q": (HEADS * HEAD_DIM, HIDDEN), "k": (kv, HIDDEN), "v": (kv, HIDDEN), "o": (HIDDEN, HEADS * HEAD_DIM),
              "gate": (INTERMEDIATE, HIDDEN), "up": (INTERMEDIATE, HIDDEN), "down": (HIDDEN, INTERMEDIATE)}
    weights = {name: normal(g, *shape) / shape[1] ** 0.5 for name, shape in shapes.items()}

    def statistics(size):
        x = normal(g, size, size // 2) @ normal(g, size // 2, 100) / size**0.5 + 0.2 * normal(g, size, 100)
        x = x * torch.exp(0.5 * normal(g, size, 1))
        return x @ x.T

    hessians = {"qkv": statistics(HIDDEN), "o": statistics(HEADS * HEAD_DIM), "gateUp": statistics(HIDDEN),
                "down": statistics(INTERMEDIATE)}
    r1, r2 = random_orthogonal(g, HIDDEN, HIDDEN), random_orthogonal(g, KV_HEADS, HEAD_DIM, HEAD_DIM)
    return weights, hessians, r1, r2


# --------------------------------------------------------------------------------------------- importances

def rotate(weights, r1, r2):
    v_rotation = torch.block_diag(*r2)
    o_rotation = torch.block_diag(*r2.repeat_interleave(HEADS // KV_HEADS, 0))
    rotated = {name: weights[name] @ r1 for name in ("q", "k", "gate", "up")}
    rotated["v"] = v_rotation.T @ weights["v"] @ r1
    rotated["o"] = r1.T @ weights["o"] @ o_rotation
    rotated["down"] = r1.T @ weights["down"]
    return rotated


def column_scales(importance, hessians, r1, r2):
    """h of each statistics' columns: 1; diag(R^T H R); 1 / diag(R^T (H + damping)^-1 R)."""
    turns = {"qkv": r1, "gateUp": r1, "o": torch.block_diag(*r2.repeat_interleave(HEADS // KV_HEADS, 0)),
             "down": eye(INTERMEDIATE)}
    scales = {}
    for name, h in hessians.items():
        r = turns[name]
        if importance == "magnitude":
            scales[name] = torch.ones(len(h), dtype=torch.float64)
        elif importance == "wanda":
            scales[name] = (r.T @ h @ r).diagonal()
        else:
            inverse = torch.linalg.inv(h + DAMPING * h.diagonal().mean() * eye(len(h)))
            scales[name] = 1 / (r.T @ inverse @ r).diagonal()
    return scales


def importances(importance, block, r1, r2):
    weights, hessians = block
    scales = column_scales(importance, hessians, r1, r2)
    return {name: w.square() * scales[STATISTICS[name]] for name, w in rotate(weights, r1, r2).items()}


# ---------------------------------------------------------------------------------------------- objectives

def entropy_terms(importance, block, r1, r2):
    def entropies(s, axis):
        p = s / s.sum(axis, keepdim=True)
        return -(p * p.log()).sum()

    terms = {}
    for name, s in importances(importance, block, r1, r2).items():
        if name != "down":
            terms[f"{name}.rows"] = entropies(s, 1)
        if name in ("v", "o", "down"):
            terms[f"{name}.columns"] = entropies(s, 0)
    return terms


def totals(importance, block):
    """Constants of the rotation: see `conventions`."""
    weights, hessians = block
    if importance == "wanda":
        result = {}
        for name, w in weights.items():
            h = hessians[STATISTICS[name]]
            result[name] = (w.square() * h.diagonal()).sum() if name in ("o", "down") else ((w @ h) * w).sum()
        return result
    identity = importances(importance, block, eye(HIDDEN), eye(HEAD_DIM).repeat(KV_HEADS, 1, 1))
    return {name: s.sum() for name, s in identity.items()}


def pruned(scores, pattern):
    """True where pruned, along the inputs: 2 of every 4, or the lower half of each row; ties: lower index first."""
    groups = scores.detach().reshape(-1, 4 if pattern == "2:4" else scores.shape[1])
    order = torch.sort(groups, dim=1, stable=True).indices[:, : groups.shape[1] // 2]
    return torch.zeros_like(groups, dtype=torch.bool).scatter_(1, order, True).view_as(scores)


def direct_terms(importance, pattern, block, r1, r2):
    total = totals(importance, block)
    return {name: (s * pruned(s, pattern)).sum() / total[name]
            for name, s in importances(importance, block, r1, r2).items()}


def with_gradients(terms_of, r1, r2):
    r1, r2 = r1.clone().requires_grad_(), r2.clone().requires_grad_()
    terms = terms_of(r1, r2)
    value = sum(terms.values())
    g1, g2 = torch.autograd.grad(value, (r1, r2), allow_unused=True)
    return value.detach(), g1, g2, {name: term.item() for name, term in terms.items()}


# ------------------------------------------------------------------------------------------------- solvers

def qr_adam(terms_of, steps):
    def positive_q(a):
        q, r = torch.linalg.qr(a)
        return q * torch.sign(r.diagonal(dim1=-2, dim2=-1))[..., None, :]

    a = eye(HIDDEN).requires_grad_()
    b = eye(HEAD_DIM).repeat(KV_HEADS, 1, 1).requires_grad_()
    optimiser = torch.optim.Adam([a, b], lr=0.01, betas=(0.9, 0.999), eps=1e-8)
    objectives, norms = [], []
    for _ in range(steps):
        optimiser.zero_grad()
        value = sum(terms_of(positive_q(a), positive_q(b)).values())
        value.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([a, b], 1.0).item())
        objectives.append(value.item())
        optimiser.step()
    r1, r2 = positive_q(a), positive_q(b)
    objectives.append(sum(terms_of(r1, r2).values()).item())
    return {"steps": steps, "objectives": objectives, "gradientNorms": norms, "r1": r1, "r2": r2}


def skew(a):
    return (a - a.mT) / 2


def cayley(x):
    identity = eye(x.shape[-1])
    return torch.linalg.solve(identity - x / 2, identity + x / 2)


def newton_schulz(m):
    x = m / (m.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    for _ in range(6):
        square = x @ x.mT
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x


def muon(terms_of, steps, lr):
    r1, r2 = eye(HIDDEN), eye(HEAD_DIM).repeat(KV_HEADS, 1, 1)
    m1, m2 = torch.zeros_like(r1), torch.zeros_like(r2)
    objectives = []
    for t in range(steps):
        value, g1, g2, _ = with_gradients(terms_of, r1, r2)
        objectives.append(value.item())
        m1 = 0.8 * m1 + 0.2 * skew(r1.mT @ g1)
        m2 = 0.8 * m2 + 0.2 * skew(r2.mT @ g2)
        d1, d2 = skew(newton_schulz(m1)), skew(newton_schulz(m2))
        size = lr * max(0.01, 1 - t / steps)
        r1, r2 = r1 @ cayley(-size * d1), r2 @ cayley(-size * d2)
    objectives.append(sum(terms_of(r1, r2).values()).item())
    return {"steps": steps, "lr": lr, "objectives": objectives, "r1": r1, "r2": r2}


# --------------------------------------------------------------------------------------------------- output

CONVENTIONS = {
    "weights": "[out, in], norm gains already folded; query head i reads key/value head i // 2",
    "rotated": "q,k,gate,up: W R1; v: R2^T W R1 (R2^T per kv head's rows); o: R1^T W R2 (columns of every query head by "
    "its kv head's R2); down: R1^T W",
    "importance": "S = rotated^2 * h, h per input column. magnitude h = 1; wanda h = diag(R^T H R), H undamped; sparsegpt "
    "h = 1 / diag(R^T inv(H + 0.01 mean(diag H) I) R). R is R1 for q,k,v (qkv) and gate,up (gateUp), "
    "block-diagonal R2 for o, I for down. For o the whole H is inverted before its diagonal blocks are turned",
    "entropy": "sum of -sum p ln p, p = S / sum of its group; groups: rows of q,k,gate,up; columns of down; rows and columns of v,o",
    "direct": "sum over the seven matrices of (sum of S where pruned) / total; the mask is constant in the gradient; 2:4: the two "
    "smallest of every four inputs; 50%: the smaller half of each row; ties: lower index pruned first",
    "totals": "wanda: tr(W H W^T) for q,k,v,gate,up and sum W^2 diag(H) for o,down; magnitude: sum W^2; sparsegpt: sum S at R = I",
    "gradients": "Euclidean, with respect to R1 [hidden, hidden] and R2 [kvHeads, headDim, headDim], not projected",
    "objectives": "of solver runs: before each step, then after the last one",
    "qrAdam": "R = Q of qr(A) with diag(R) > 0; A = B = I at first; both gradients times min(1, 1 / (joint norm + 1e-6)); "
    "Adam lr 0.01, betas 0.9 and 0.999, eps 1e-8 outside the root, bias-corrected; gradientNorms before clipping",
    "muon": "m = 0.8 m + 0.2 skew(R^T G) without bias correction; D = skew of 6 Newton-Schulz steps of "
    "m / (norm + 1e-12), R2 per kv head; step lr max(0.01, 1 - t / steps); R cayley(-step D)",
}


def main() -> None:
    weights, hessians, r1, r2 = make_block()
    block = (weights, hessians)
    write_json(HERE / "block.json", {
        "seed": SEED, "hidden": HIDDEN, "heads": HEADS, "kvHeads": KV_HEADS, "headDim": HEAD_DIM,
        "intermediate": INTERMEDIATE, "weights": weights, "statistics": hessians, "r1": r1, "r2": r2,
    })
    cases = []
    for importance in ("magnitude", "wanda", "sparsegpt"):
        objectives = {
            ("entropy", None): lambda a, b: entropy_terms(importance, block, a, b),
            ("direct", "2:4"): lambda a, b: direct_terms(importance, "2:4", block, a, b),
            ("direct", "50%"): lambda a, b: direct_terms(importance, "50%", block, a, b),
        }
        for (objective, pattern), terms_of in objectives.items():
            value, g1, g2, terms = with_gradients(terms_of, r1, r2)
            identity = sum(terms_of(eye(HIDDEN), eye(HEAD_DIM).repeat(KV_HEADS, 1, 1)).values())
            case = {"objective": objective, "importance": importance, "value": value.item(), "terms": terms,
                    "valueAtIdentity": identity.item(), "gradients": {"r1": g1, "r2": g2}}
            if pattern:
                case |= {"pattern": pattern, "totals": {k: t.item() for k, t in totals(importance, block).items()}}
            cases.append(case)
            print(importance, objective, pattern, value.item(), "at identity", identity.item())
    write_json(HERE / "objectives.json", {"seed": SEED, "conventions": CONVENTIONS, "cases": cases})
    runs = {"qrAdam": {"objective": "entropy", "importance": "wanda",
                       **qr_adam(lambda a, b: entropy_terms("wanda", block, a, b), 5)}}
    for importance in ("wanda", "sparsegpt"):
        runs[f"muon.{importance}"] = {
            "objective": "direct", "pattern": "2:4", "importance": importance,
            **muon(lambda a, b: direct_terms(importance, "2:4", block, a, b), 5, 0.1)}
    write_json(HERE / "solvers.json", {"seed": SEED, "conventions": CONVENTIONS, **runs})
    for name, run in runs.items():
        print(name, run["objectives"])


if __name__ == "__main__":
    print(SOURCE)
    main()
