"""Random tiny Llama checkpoints with the logits and block outputs that transformers computes for them."""

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, normal, seeded, write_json, write_tensors  # noqa: E402

VOCAB, LAYERS, BATCH = 48, 2, 2

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


def randomise(model: LlamaForCausalLM, seed: int, dtype: torch.dtype) -> None:
    """Weights of unit gain (so that attention is far from uniform), norm gains around 1, biases around 0, all
    representable in the dtype that they are stored in."""
    generator = seeded(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = normal(generator, *parameter.shape)
            if name.endswith("norm.weight"):
                value = 1 + 0.3 * draw
            elif name.endswith("bias"):
                value = 0.3 * draw
            elif "embed_tokens" in name:
                value = 0.35 * draw
            else:
                value = 1.2 * draw / parameter.shape[1] ** 0.5
            parameter.copy_(value.to(dtype))


def to_transformers4_dialect(config: dict) -> dict:
    config = dict(config)
    rope = dict(config.pop("rope_parameters"))
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    del config["transformers_version"]  # it was not written by a transformers 4
    return dict(sorted(config.items()))


def observe(model: LlamaForCausalLM, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
    seen = {}

    def keep(name):
        def hook(_module, _inputs, output):
            seen[name] = output[0] if isinstance(output, tuple) else output
        return hook

    hooks = [model.model.embed_tokens.register_forward_hook(keep("embeddings"))]
    for index, layer in enumerate(model.model.layers):
        hooks.append(layer.register_forward_hook(keep(f"block.{index}")))
    with torch.no_grad():
        logits = model(input_ids, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), input_ids[:, 1:], reduction="none")
    return {"input_ids": input_ids.float(), "logits": logits, "nll": nll, **seen}


def make(name: str) -> None:
    seed, tokens, differs, dtype, max_shard, dialect = CASES[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = LlamaConfig(**{**BASE, **differs}, attn_implementation="eager")
    model = LlamaForCausalLM(config).float().eval()
    randomise(model, seed, dtype)
    input_ids = torch.randint(0, VOCAB, (BATCH, tokens), generator=seeded(seed + 1000))
    golden = observe(model, input_ids)

    model.to(dtype).save_pretrained(folder, **({"max_shard_size": max_shard} if max_shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    config_file = folder / "config.json"
    saved = json.loads(config_file.read_text())
    if dialect == 4:
        saved = to_transformers4_dialect(saved)
    config_file.write_text(json.dumps(saved, indent=2) + "\n")

    reloaded = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    again = observe(reloaded, input_ids)["logits"]
    assert torch.equal(again, golden["logits"]), f"{name}: reading the checkpoint back changes the logits"

    write_tensors(folder / "golden.safetensors", golden)
    write_json(folder / "golden.json", {
        "seed": seed,
        "computed": "float32, eager attention, positions from 0",
        "stored": str(dtype).removeprefix("torch."),
        "tensors": {key: list(value.shape) for key, value in golden.items()},
    })
    print(name, f"mean nll {golden['nll'].mean():.3f}", f"largest logit {golden['logits'].abs().max():.2f}")


if __name__ == "__main__":
    print(SOURCE)
    for case in sys.argv[1:] or CASES:
        make(case)
