"""Factorisations and their gradients in float64. A gradient pulls back the stored cotangents by torch autograd."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, write_json  # noqa: E402

SEED = 41


def positive_qr(a):
    q, r = torch.linalg.qr(a)
    sign = torch.sign(r.diagonal(dim1=-2, dim2=-1))
    return q * sign[..., None, :], r * sign[..., :, None]


def positive_definite(g, size):
    m = normal(g, size, size)
    return m @ m.T / size + 0.3 * torch.eye(size, dtype=torch.float64)


def qr_case(g, *shape):
    a = normal(g, *shape).requires_grad_()
    q, r = positive_qr(a)
    assert (r.diagonal(dim1=-2, dim2=-1) > 0).all() and (q @ r - a).abs().max() < 1e-12
    q_cotangent, r_cotangent = normal(g, *q.shape), normal(g, *r.shape).triu()
    through_q, = torch.autograd.grad((q * q_cotangent).sum(), a, retain_graph=True)
    through_both, = torch.autograd.grad((q * q_cotangent).sum() + (r * r_cotangent).sum(), a)
    return {"a": a, "q": q, "r": r, "qCotangent": q_cotangent, "rCotangent": r_cotangent,
            "gradientThroughQ": through_q, "gradientThroughBoth": through_both}


def cholesky_case(g, size):
    a = positive_definite(g, size).requires_grad_()
    lower = torch.linalg.cholesky(a)
    cotangent = normal(g, size, size).tril()
    gradient, = torch.autograd.grad((lower * cotangent).sum(), a)
    return {"a": a, "l": lower, "cotangent": cotangent, "gradient": gradient}


def triangular_case(g, size, columns, upper, transpose):
    a = torch.linalg.cholesky(positive_definite(g, size))
    a = (a.T if upper else a).contiguous().requires_grad_()
    b = normal(g, size, columns).requires_grad_()
    x = torch.linalg.solve_triangular(a.T if transpose else a, b, upper=upper != transpose)
    cotangent = normal(g, size, columns)
    gradients = torch.autograd.grad((x * cotangent).sum(), (a, b))
    return {"upper": upper, "transpose": transpose, "a": a, "b": b, "x": x, "cotangent": cotangent,
            "gradients": dict(zip("ab", gradients))}


def eigen_case(g, size):
    m = normal(g, size, size)
    a = ((m + m.T) / 2).requires_grad_()
    values, vectors = torch.linalg.eigh(a)
    cotangent = normal(g, size)
    gradient, = torch.autograd.grad((values * cotangent).sum(), a)
    return {"a": a, "values": values, "vectors": vectors, "cotangent": cotangent, "gradient": gradient}


def polar_case(g, *shape):
    a = normal(g, *shape).requires_grad_()
    u, _, vh = torch.linalg.svd(a, full_matrices=False)
    factor = u @ vh
    cotangent = normal(g, *shape)
    gradient, = torch.autograd.grad((factor * cotangent).sum(), a)
    return {"a": a, "factor": factor, "cotangent": cotangent, "gradient": gradient}


def main() -> None:
    g = seeded(SEED)
    files = {
        "qr": ("q r = a, diag(r) > 0; q [rows, columns], r [columns, columns]; r cotangent is upper triangular",
               [qr_case(g, *shape) for shape in [(1, 1), (2, 2), (5, 5), (8, 8), (16, 16), (7, 4), (2, 4, 4)]]),
        "cholesky": ("a = l l^T, l lower; the gradient is symmetric",
                     [cholesky_case(g, size) for size in (1, 3, 8, 16)]),
        "triangular": ("op(a) x = b, op(a) = a^T if transpose; upper tells the shape of a itself; the gradient of a is "
                       "zero outside its triangle",
                       [triangular_case(g, 6, 4, upper, transpose) for upper in (False, True)
                        for transpose in (False, True)] + [triangular_case(g, 1, 3, False, False)]),
        "eigen": ("a symmetric; values ascending; vectors in columns, signs arbitrary; cotangent of the values",
                  [eigen_case(g, size) for size in (1, 2, 5, 12)]),
        "polar": ("factor = u v^T of a = u s v^T", [polar_case(g, *shape) for shape in [(1, 1), (4, 4), (9, 9), (6, 3)]]),
    }
    for name, (conventions, cases) in files.items():
        write_json(HERE / f"{name}.json", {"seed": SEED, "conventions": conventions, "cases": cases})
        print(name, len(cases), "cases")


if __name__ == "__main__":
    print(SOURCE)
    main()
