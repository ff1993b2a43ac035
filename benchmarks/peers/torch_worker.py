"""PyTorch as a contender: speaks the harness's protocol (src/harness/protocol.ts), one JSON object a line."""

import json
import os
import sys
import time


def reply(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


try:
    import torch
    import torch.nn.functional as F

    import paper_recipe
except ImportError as error:
    reply(type="unsupported", reason=f"python3 has no PyTorch: {error}")
    sys.exit(0)

RMS_EPSILON = 1e-5  # rmsNormEpsilon of src/works/elementwise.ts


def into(function):
    """An operation that writes into the same memory every time, as PyTorch's users write it where time matters."""

    def prepare(*inputs):
        out = function(*inputs)
        return lambda: [function(*inputs, out=out)]

    return prepare


def fresh(function):
    """An operation that allocates its results."""

    def prepare(*inputs):
        def run():
            results = function(*inputs)
            return list(results) if isinstance(results, tuple) else [results]

        return run

    return prepare


def softmax(x):
    return F.softmax(x, dim=-1)


def rms_norm(x, gain):
    return F.rms_norm(x, gain.shape, gain, RMS_EPSILON)


def attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def triangular_inverse(a):
    return torch.linalg.solve_triangular(a, torch.eye(a.shape[0]), upper=False)


WORKS = {
    "gemm": into(torch.matmul),
    "exp": into(torch.exp),
    "log": into(torch.log),
    "add": into(torch.add),
    "softmax": fresh(softmax),
    "rmsNorm": fresh(rms_norm),
    "attention": fresh(attention),
    "cholesky": fresh(torch.linalg.cholesky),
    "qr": fresh(lambda a: tuple(torch.linalg.qr(a))),
    "symmetricEigen": fresh(lambda a: tuple(torch.linalg.eigh(a))),
    "triangularInverse": fresh(triangular_inverse),
}


# The paper's recipe, however much of it is asked for.
LEARNING = {"learning", "learningSteps"}


def load(file):
    count = 1
    for dim in file["shape"]:
        count *= dim
    return torch.from_file(file["path"], size=count, dtype=torch.float32).clone().reshape(file["shape"])


def save(tensor, path):
    dense = tensor.detach().contiguous()
    dense.numpy().tofile(path)
    return {"path": path, "shape": list(dense.shape)}


def measure(run, runs):
    start = time.perf_counter()
    for _ in range(runs):
        run()
    return (time.perf_counter() - start) * 1000 / runs


def warm(run, patience):
    """As `warm` of src/harness/worker.ts."""
    first = measure(run, 1)
    if first > min(patience, 2000):
        return first
    runs = 1
    while True:
        milliseconds = measure(run, runs)
        if milliseconds * runs >= 30:
            return milliseconds
        runs *= 2


def main(threads):
    torch.set_num_threads(threads)
    capability = torch.backends.cpu.get_cpu_capability()
    reply(type="ready", versions={"torch": f"{torch.__version__} ({capability})"})
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "prepare":
            work = request["work"]
            if work["kind"] not in WORKS.keys() | LEARNING:
                reply(type="unsupported", reason="has no such operation")
                continue
            inputs = map(load, request["inputs"])
            if work["kind"] in LEARNING:
                run = paper_recipe.prepare(work["sizes"], *inputs)
            else:
                run = WORKS[work["kind"]](*inputs)
            milliseconds = warm(run, request["patience"])
            results = [
                save(tensor, os.path.join(request["results"], f"{i}.f32")) for i, tensor in enumerate(run())
            ]
            reply(type="prepared", milliseconds=milliseconds, results=results)
        else:
            reply(type="measured", milliseconds=measure(run, request["runs"]))


with torch.no_grad():
    main(int(sys.argv[1]))
