"""Tiny checkpoints of every family by every rotary scaling, with the other switches of `config.json` spread over them."""

import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE  # noqa: E402
from tiny_models import Case, make  # noqa: E402

TOKENS = 12
BASE = dict(
    vocab_size=20, num_hidden_layers=2, hidden_size=12, intermediate_size=16, num_attention_heads=2,
    max_position_embeddings=32, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=None,
)
# Short wavelengths and contexts, so that within 12 tokens every frequency is treated in its own way.
ROPES = {
    "default": dict(rope_type="default", rope_theta=10000.0),
    "linear": dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
    "dynamic": dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0),
    "llama3": dict(
        rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16,
    ),
    "yarn": dict(
        rope_type="yarn", rope_theta=500.0, factor=2.0, beta_fast=4.0, beta_slow=0.1,
        original_max_position_embeddings=16,
    ),
}
# What goes with a rotary scaling whatever the family: (key/value heads, head_dim, tied, dtype on disk, dialect)
SHAPES = {
    "default": (1, 6, False, torch.float32, 4),
    "linear": (2, 8, True, torch.float32, 5),
    "dynamic": (2, 6, False, torch.bfloat16, 4),
    "llama3": (1, 8, True, torch.float32, 4),
    "yarn": (1, 8, False, torch.float32, 5),
}
WINDOW = dict(use_sliding_window=True, sliding_window=5)
# family: (configuration, what goes with a rotary scaling in this family)
FAMILIES = {
    "llama": (LlamaConfig, {
        "linear": dict(attention_bias=True), "llama3": dict(mlp_bias=True), "yarn": dict(attention_bias=True, mlp_bias=True),
    }),
    "qwen2": (Qwen2Config, {
        "linear": dict(**WINDOW, layer_types=["sliding_attention", "full_attention"]),
        "dynamic": dict(**WINDOW, max_window_layers=1), "llama3": dict(**WINDOW, max_window_layers=0),
    }),
    "qwen3": (Qwen3Config, {
        "linear": dict(**WINDOW, layer_types=["full_attention", "sliding_attention"]),
        "dynamic": dict(**WINDOW, max_window_layers=1), "llama3": dict(attention_bias=True),
        "yarn": dict(attention_bias=True, **WINDOW, max_window_layers=0),
    }),
    "mistral": (MistralConfig, {
        "default": dict(sliding_window=5), "linear": dict(sliding_window=None), "dynamic": dict(sliding_window=12),
        "llama3": dict(sliding_window=2), "yarn": dict(sliding_window=7),
    }),
}
# SmolLM2: a Llama with three heads a key/value head, tied, and keys of its makers.
SMOLLM2 = dict(
    **{**BASE, "num_attention_heads": 3}, num_key_value_heads=1, tie_word_embeddings=True,
    rope_parameters=dict(rope_type="default", rope_theta=100000.0),
)


def cases():
    yield "smollm2", Case(40, TOKENS, LlamaConfig(**SMOLLM2), grams=True, extra=dict(
        is_llama_config=True, rope_interleaved=False, pretraining_tp=1, **{"transformers.js_config": {"dtype": "q4"}},
    ))
    for row, (family, (config, differs)) in enumerate(FAMILIES.items()):
        for column, (rope, (heads, head_dim, tied, dtype, dialect)) in enumerate(SHAPES.items()):
            settings = dict(
                BASE, num_key_value_heads=heads, tie_word_embeddings=tied, rope_parameters=ROPES[rope],
                **differs.get(rope, {}),
            )
            if rope != "default" or family == "qwen3":  # elsewhere hidden_size / num_attention_heads is the default
                settings["head_dim"] = head_dim
            yield f"{family}-{rope}", Case(
                50 + 5 * row + column, TOKENS, config(**settings), dtype, dialect=dialect, grams=True,
            )


if __name__ == "__main__":
    print(SOURCE)
    for name, case in cases():
        if not sys.argv[1:] or name in sys.argv[1:]:
            make(HERE / name, case)
