"""Random tiny Llama checkpoints with the logits and block outputs that transformers computes for them."""

import sys
from pathlib import Path

import torch
from transformers import LlamaConfig

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE  # noqa: E402
from tiny_models import Case, make  # noqa: E402

VOCAB, LAYERS = 48, 2

BASE = dict(
    vocab_size=VOCAB, num_hidden_layers=LAYERS, hidden_size=32, intermediate_size=40, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
    bos_token_id=1, eos_token_id=2,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0),
)
# Of the eight rotary wavelengths (6.3 … 1450 tokens) one is kept, two are blended, five are slowed down.
LLAMA3_ROPE = dict(
    rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
LLAMA3_SHAPE = dict(hidden_size=32, num_attention_heads=2, num_key_value_heads=1, rope_parameters=LLAMA3_ROPE)

# name: (seed, tokens, what differs from BASE, dtype on disk, largest shard, dialect of config.json)
CASES = {
    "mha-untied": (11, 16, dict(num_key_value_heads=4), torch.float32, None, 4),
    "gqa-tied": (12, 16, dict(tie_word_embeddings=True), torch.float32, None, 4),
    "rope-llama3": (13, 24, LLAMA3_SHAPE, torch.float32, None, 4),
    "rope-linear": (
        14, 24, dict(rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0)), torch.float32, None, 4,
    ),
    "odd-heads": (
        15, 11, dict(hidden_size=24, intermediate_size=28, num_attention_heads=3, num_key_value_heads=1, head_dim=6),
        torch.float32, None, 4,
    ),
    "bias": (16, 16, dict(attention_bias=True, mlp_bias=True), torch.float32, None, 4),
    "transformers5-config": (13, 24, LLAMA3_SHAPE, torch.float32, None, 5),
    "bf16": (17, 16, {}, torch.bfloat16, None, 4),
    "f16": (18, 16, {}, torch.float16, None, 4),
    "sharded": (19, 16, {}, torch.float32, "24KB", 4),
}

if __name__ == "__main__":
    print(SOURCE)
    for name in sys.argv[1:] or CASES:
        seed, tokens, differs, dtype, max_shard, dialect = CASES[name]
        make(HERE / name, Case(seed, tokens, LlamaConfig(**{**BASE, **differs}), dtype, max_shard, dialect))
