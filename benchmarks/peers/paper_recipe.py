"""The rotation learning of DenoiseRotator (Gu et al., arXiv 2505.23049) in PyTorch, with autograd, as the paper describes it.

R = Q of qr(A), A starting at the identity; Adam with rate 0.01 on the summed entropies of normalised importances, the
joint gradient norm clipped to 1; the best R seen is kept. Importances are SparseGPT's: W² / diag(Rᵀ·H⁻¹·R), H damped by
1 % of its mean diagonal. Whatever sites share (the inverse, Rᵀ·H⁻¹·R's diagonal) is computed once, and only its diagonal.
"""

import torch

DAMPING = 0.01
RATE = 0.01
CLIP = 1.0
TINY = 1e-30


def entropy(importance, dim):
    """Sum over groups along `dim` of −Σ p·ln p, p the importances divided by their sum."""
    p = importance / importance.sum(dim, keepdim=True).clamp_min(TINY)
    return -(p * p.clamp_min(TINY).log()).sum()


def damped_inverse(gram):
    damped = gram + DAMPING * gram.diagonal().mean() * torch.eye(len(gram))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    return inverse / inverse.diagonal().mean()


class Block:
    """Weights `[out, in]` and H of one decoder block, and its entropy as a function of the rotations."""

    def __init__(self, arrays, sizes):
        self.hidden, self.heads, self.groups, self.dim = sizes[:4]
        self.q, self.k, self.v, self.o, self.gate, self.up, self.down = arrays[:7]
        attention, output, mlp, _ = arrays[7:]
        self.attention = damped_inverse(attention)
        self.mlp = damped_inverse(mlp)
        blocks = damped_inverse(output).reshape(self.heads, self.dim, self.heads, self.dim)
        self.output = torch.stack([blocks[h, :, h] for h in range(self.heads)])

    def entropy(self, R, R2):
        hidden, heads, groups, dim = self.hidden, self.heads, self.groups, self.dim
        scales = [1 / ((metric @ R) * R).sum(0) for metric in (self.attention, self.mlp)]
        total = 0
        for weight, scale in ((self.q, 0), (self.k, 0), (self.gate, 1), (self.up, 1)):
            total = total + entropy((weight @ R).square() * scales[scale], 1)
        total = total + entropy((R.T @ self.down).square(), 0)
        v = (R2.transpose(1, 2) @ (self.v @ R).view(groups, dim, hidden)).reshape(groups * dim, hidden)
        total = total + entropy(v.square() * scales[0], 1) + entropy(v.square(), 0)
        by_head = R2.repeat_interleave(heads // groups, 0)
        o = (R.T @ self.o).view(hidden, heads, dim).transpose(0, 1) @ by_head
        o = o.transpose(0, 1).reshape(hidden, heads * dim)
        scale = (1 / ((self.output @ by_head) * by_head).sum(1)).reshape(-1)
        return total + entropy(o.square() * scale, 1) + entropy(o.square(), 0)


def learn(block, steps):
    """Runs the recipe; gives R1, R2 of the lowest entropy seen, and that entropy."""
    A = torch.eye(block.hidden, requires_grad=True)
    A2 = torch.eye(block.dim).repeat(block.groups, 1, 1).requires_grad_()
    optimizer = torch.optim.Adam([A, A2], lr=RATE)
    best = (float("inf"), None, None)
    for step in range(steps + 1):
        R, R2 = torch.linalg.qr(A).Q, torch.linalg.qr(A2).Q
        loss = block.entropy(R, R2)
        if loss.item() < best[0]:
            best = (loss.item(), R.detach().clone(), R2.detach().clone())
        if step == steps:
            break
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([A, A2], CLIP)
        optimizer.step()
    return best


def prepare(sizes, *arrays):
    """As the worker's other works: a function that does the work once and gives its results."""
    steps = sizes[5]
    with torch.enable_grad():
        block = Block(arrays, sizes)

    def run():
        with torch.enable_grad():
            value, R, R2 = learn(block, steps)
        return [R, R2, torch.tensor([steps, value, 0.0, 0.0])]

    return run
