"""Values, gradients and second derivatives of every op on small tensors, and an Adam loss curve, in float64."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, uniform, write_json  # noqa: E402

SEED = 31

# -------------------------------------------------------------------------------------------- composed ops

def rms_norm(x, gain, eps):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gain


def rope(x, cos, sin):
    """x [..., tokens, head_dim]; cos, sin [tokens, head_dim / 2]; dimension i turns with i + head_dim / 2."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def attention(q, k, v):
    """Causal; q [batch, heads, tokens, head_dim], k and v [batch, kv_heads, ...]; query head h reads h // (heads / kv_heads)."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1) @ v


def entropy(x):
    p = x / x.sum(-1, keepdim=True)
    return -(p * p.log()).sum(-1)


# ------------------------------------------------------------------------------------------------- one case

def record(op, function, inputs, generator, options=None, constants=None):
    """inputs are differentiated, constants are not. `gradients` pull back a random cotangent c; `secondGradients`
    are the gradients of sum_i <gradient_i, direction_i>, whose directions are stored; zero where identically so."""
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    constants = constants or {}
    output = function(*inputs.values(), *constants.values())
    cotangent = normal(generator, *output.shape)
    leaves = list(inputs.values())
    gradients = torch.autograd.grad((output * cotangent).sum(), leaves, create_graph=True, allow_unused=True)
    gradients = [g if g is not None else torch.zeros_like(x) for g, x in zip(gradients, leaves)]
    directions = [normal(generator, *x.shape) for x in leaves]
    total = sum((g * d).sum() for g, d in zip(gradients, directions))
    if total.requires_grad:
        seconds = torch.autograd.grad(total, leaves, allow_unused=True)
        seconds = [s if s is not None else torch.zeros_like(x) for s, x in zip(seconds, leaves)]
    else:
        seconds = [torch.zeros_like(x) for x in leaves]
    return {
        "op": op, "options": options or {}, "inputs": inputs, "constants": constants, "output": output,
        "cotangent": cotangent, "gradients": dict(zip(inputs, gradients)),
        "directions": dict(zip(inputs, directions)), "secondGradients": dict(zip(inputs, seconds)),
    }


# ---------------------------------------------------------------------------------------------- the op table

def unary_cases(g):
    anywhere = lambda: normal(g, 2, 5) * 1.5
    positive = lambda: uniform(g, 2, 5, low=0.2, high=3)
    away_from_zero = lambda: uniform(g, 2, 5, low=0.3, high=2) * torch.sign(normal(g, 2, 5))
    table = {
        "neg": (torch.neg, anywhere), "abs": (torch.abs, away_from_zero), "sign": (torch.sign, away_from_zero),
        "exp": (torch.exp, anywhere), "log": (torch.log, positive), "sqrt": (torch.sqrt, positive),
        "rsqrt": (torch.rsqrt, positive), "reciprocal": (torch.reciprocal, away_from_zero),
        "square": (torch.square, anywhere), "tanh": (torch.tanh, anywhere), "sigmoid": (torch.sigmoid, anywhere),
        "sin": (torch.sin, anywhere), "cos": (torch.cos, anywhere), "floor": (torch.floor, anywhere),
        "ceil": (torch.ceil, anywhere), "round": (torch.round, anywhere), "silu": (F.silu, anywhere),
    }
    for op, (function, domain) in table.items():
        yield record(op, function, {"x": domain()}, g)
    halves = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], dtype=torch.float64)
    yield record("round", torch.round, {"x": halves}, g, {"note": "half to even"})
    for op, function in {"silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}.items():
        extremes = torch.tensor([-800.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 800.0], dtype=torch.float64)
        yield record(op, function, {"x": extremes}, g, {"note": "extreme arguments"})


def binary_cases(g):
    shapes = [((2, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((3,), ())]
    table = {
        "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
        "maximum": torch.maximum, "minimum": torch.minimum,
    }
    for op, function in table.items():
        for left, right in shapes:
            a, b = normal(g, *left), normal(g, *right)
            if op == "pow":
                a = uniform(g, *left, low=0.3, high=2)
            if op == "div":
                b = uniform(g, *right, low=0.4, high=2) * torch.sign(b)
            yield record(op, function, {"a": a, "b": b}, g)


def reduce_cases(g):
    table = {
        "sum": lambda x, axis, keep: x.sum(dim=axis, keepdim=keep),
        "mean": lambda x, axis, keep: x.mean(dim=axis, keepdim=keep),
        "max": lambda x, axis, keep: x.amax(dim=axis, keepdim=keep),
        "min": lambda x, axis, keep: x.amin(dim=axis, keepdim=keep),
    }
    for op, function in table.items():
        for axis, keep in [(0, False), (1, True), (-1, False), ((0, 2), False), ((0, 1, 2), False)]:
            options = {"axis": list(axis) if isinstance(axis, tuple) else axis, "keepdim": keep}
            yield record(op, lambda x: function(x, axis, keep), {"x": normal(g, 2, 3, 4)}, g, options)
    normalisers = {"softmax": torch.softmax, "logSoftmax": torch.log_softmax, "logSumExp": torch.logsumexp}
    for op, function in normalisers.items():
        for axis in (0, -1):
            yield record(op, lambda x: function(x, axis), {"x": 2 * normal(g, 3, 5)}, g, {"axis": axis})
        yield record(op, lambda x: function(x, -1), {"x": 1000 + 300 * normal(g, 2, 4)}, g, {"axis": -1})


def network_cases(g):
    for shape, eps in [((2, 3, 6), 1e-5), ((2, 4), 0.5)]:
        yield record("rmsNorm", lambda x, gain: rms_norm(x, gain, eps),
                     {"x": normal(g, *shape), "gain": 1 + 0.3 * normal(g, shape[-1])}, g, {"eps": eps})
    for shape in [(5, 6), (2, 3, 4, 8)]:
        tokens, head_dim = shape[-2:]
        frequencies = 100.0 ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
        angles = torch.arange(tokens, dtype=torch.float64)[:, None] * frequencies
        yield record("rope", rope, {"x": normal(g, *shape)}, g, {"theta": 100.0},
                     {"cos": angles.cos(), "sin": angles.sin()})
    for heads, kv_heads in [(4, 2), (3, 1), (2, 2)]:
        yield record("attention", attention, {"q": normal(g, 2, heads, 5, 4), "k": normal(g, 2, kv_heads, 5, 4),
                                              "v": normal(g, 2, kv_heads, 5, 4)}, g, {"causal": True})
    yield record("swiglu", lambda gate, up: F.silu(gate) * up, {"gate": normal(g, 3, 4), "up": normal(g, 3, 4)}, g)
    targets = torch.tensor([3, 0, 6, 3])
    yield record("crossEntropy", lambda logits, target: F.cross_entropy(logits, target, reduction="none"),
                 {"logits": 2 * normal(g, 4, 7)}, g, constants={"targets": targets})
    for shape in [(3, 5), (2, 2, 4)]:
        yield record("entropy", entropy, {"x": uniform(g, *shape, low=0.05, high=3)}, g)
    for left, right in [((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((2, 3, 4), (4, 2))]:
        yield record("matmul", torch.matmul, {"a": normal(g, *left), "b": normal(g, *right)}, g)


# ------------------------------------------------------------------------------------------------ Adam curve

def adam_curve():
    """tanh(x W1^T + b1) W2^T + b2 against y, mean squared error over all elements; losses[i] is before step i."""
    g = seeded(SEED + 1)
    x, y = normal(g, 12, 5), normal(g, 12, 3)
    initial = {"w1": normal(g, 7, 5) / 5**0.5, "b1": 0.1 * normal(g, 7),
               "w2": normal(g, 3, 7) / 7**0.5, "b2": 0.1 * normal(g, 3)}
    parameters = {name: value.clone().requires_grad_() for name, value in initial.items()}
    options = {"lr": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    optimiser = torch.optim.Adam(parameters.values(), lr=options["lr"], betas=(0.9, 0.999), eps=options["eps"])

    def loss_now():
        hidden = torch.tanh(x @ parameters["w1"].T + parameters["b1"])
        return (hidden @ parameters["w2"].T + parameters["b2"] - y).square().mean()

    losses, first_gradients = [], None
    for _ in range(10):
        optimiser.zero_grad()
        loss = loss_now()
        loss.backward()
        first_gradients = first_gradients or {name: p.grad.clone() for name, p in parameters.items()}
        losses.append(loss.item())
        optimiser.step()
    return {"seed": SEED + 1, "options": options, "x": x, "y": y, "initial": initial,
            "firstGradients": first_gradients, "losses": losses, "lossAfter": loss_now().item(), "final": parameters}


def residues(rows, columns, seed):
    """f32 in [-1, 1), the same wherever integers are exact."""
    i = torch.arange(rows * columns, dtype=torch.int64)
    return ((i * i * 31 + i * seed * 7919 + seed) % 10007 / 5003.5 - 1).float().reshape(rows, columns)


def matmul_error_cases():
    """Root mean square error of f32 products against float64, in units of 2^-24 sqrt(k)."""
    for m, n, k in [(96, 96, 64), (96, 80, 576), (60, 70, 2048), (1, 300, 2048), (300, 1, 2048)]:
        a, b = residues(m, k, 3), residues(k, n, 5)
        error = (a @ b).double() - a.double() @ b.double()
        yield {"m": m, "n": n, "k": k, "error": (error.square().mean().sqrt() * 2**24 / k**0.5).item()}


def main() -> None:
    write_json(HERE / "matmul-error.json", {"cases": list(matmul_error_cases())})
    g = seeded(SEED)
    for file, cases in {"unary": unary_cases, "binary": binary_cases, "reduce": reduce_cases,
                        "network": network_cases}.items():
        records = list(cases(g))
        write_json(HERE / f"{file}.json", {"seed": SEED, "cases": records})
        print(file, len(records), "cases:", *sorted({r["op"] for r in records}))
    curve = adam_curve()
    write_json(HERE / "adam.json", curve)
    print("adam", curve["losses"][0], "->", curve["lossAfter"])


if __name__ == "__main__":
    print(SOURCE)
    main()
