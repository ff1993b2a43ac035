"""Goldens of GGUF: dequantised blocks of every type by the gguf package, models written by it, tokenizers and their ids."""

import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, RopeScalingType, dequantize, quantize
from safetensors.torch import load_file
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import write_json, write_tensors  # noqa: E402
from texts import SAMPLES, TRAINING  # noqa: E402

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6

# ---- blocks ----

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
# Where the halves (scale, minimum) of a block lie, in bytes.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
# 0, −0, the least and the largest subnormal, the least normal number, 1, −1, the largest, its negative, infinity, NaN
EDGES = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0x7E00]


def blocks(name: str, generator: np.random.Generator) -> np.ndarray:
    """Random bytes; the scales are random finite halves of all magnitudes, in some blocks edge cases."""
    values, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    if name == "F32":
        special = [0, 0x80000000, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000]
        return np.concatenate([np.array(special, np.uint32), generator.standard_normal(57).astype(np.float32).view(np.uint32)]).view(np.uint8)
    if name in ("F16", "BF16"):
        halves = generator.integers(0, 2**16, 256, dtype=np.uint16)
        edges = EDGES if name == "F16" else [edge >> 3 if edge < 0x7C00 else edge for edge in EDGES] + [0x7F80, 0xFF80, 0x7FC0]
        halves[: len(edges)] = edges
        return halves.view(np.uint8)
    count = len(EDGES) * len(HALVES[name]) + 8
    data = generator.integers(0, 256, (count, size), dtype=np.uint8)
    for position, at in enumerate(HALVES[name]):
        scales = generator.integers(0, 0x7C00, count, dtype=np.uint16) | (generator.integers(0, 2, count, dtype=np.uint16) << 15)
        scales[position * len(EDGES) : (position + 1) * len(EDGES)] = EDGES
        data[:, at : at + 2] = scales.astype("<u2").view(np.uint8).reshape(count, 2)
    # Every value once: the lowest and the highest of each.
    data[-2, max(HALVES[name]) + 2 if name != "Q6_K" else 0 :][: size - 4] = 0
    data[-1, max(HALVES[name]) + 2 if name != "Q6_K" else 0 :][: size - 4] = 255
    return data


def make_blocks() -> None:
    generator = np.random.default_rng(20)
    tensors = {}
    for name in TYPES:
        data = blocks(name, generator)
        with np.errstate(all="ignore"):
            values = dequantize(data, GGMLQuantizationType[name]).astype(np.float32)
        tensors[f"{name.lower()}.bytes"] = torch.from_numpy(data.reshape(-1).copy())
        # As integers: the bits are what is compared.
        tensors[f"{name.lower()}.values"] = torch.from_numpy(values.reshape(-1).copy().view(np.int32))
    write_tensors(HERE / "blocks.safetensors", tensors)


# ---- models ----

BLOCK = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
OUTER = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def gguf_name(name: str) -> str:
    if name in OUTER:
        return OUTER[name]
    _, _, index, rest = name.split(".", 3)
    layer, kind = rest.rsplit(".", 1)
    return f"blk.{index}.{BLOCK[layer]}.{kind}"


def pairwise(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows i and i + d/2 of each head become neighbours, as llama.cpp's conversion has them."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def llama3_factors(config: dict) -> np.ndarray:
    scaling, dim = config["rope_scaling"], config["head_dim"]
    context, low, high = (scaling[key] for key in ["original_max_position_embeddings", "low_freq_factor", "high_freq_factor"])
    factors = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * config["rope_theta"] ** (i / dim)
        s = min(1.0, max(0.0, (context / wavelength - low) / (high - low)))
        factors.append(1 / ((1 - s) / scaling["factor"] + s))
    return np.array(factors, np.float32)


# name: (directory below goldens/, architecture, types of the matrices in turn)
MODELS = {
    "llama-tied": ("llama/gqa-tied", "llama", ["F32"]),
    "llama-llama3": ("llama/rope-llama3", "llama", ["F32"]),
    "llama-bias": ("llama/bias", "llama", ["F32"]),
    "llama-quantised": ("llama/gqa-tied", "llama", ["Q8_0", "Q5_1", "Q4_0", "F16", "Q5_0", "Q4_1", "BF16"]),
    "qwen2-yarn": ("families/qwen2-yarn", "qwen2", ["F32"]),
    "qwen3": ("families/qwen3-default", "qwen3", ["F32"]),
}


def rope_of(config: dict) -> tuple[float, dict | None]:
    parameters = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or (parameters if parameters.get("rope_type", "default") != "default" else None)
    return config.get("rope_theta") or parameters["rope_theta"], scaling


def make_model(name: str) -> None:
    source, architecture, types = MODELS[name]
    config = json.loads((HERE.parent / source / "config.json").read_text())
    tensors = load_file(HERE.parent / source / "model.safetensors")
    theta, scaling = rope_of(config)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    path = HERE / f"{name}.gguf"
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    if config["head_dim"] * heads != config["hidden_size"] or architecture == "qwen3":
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(theta)
    if scaling and scaling["rope_type"] == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if scaling and scaling["rope_type"] == "yarn":
        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(scaling["factor"])
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(scaling["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(scaling["beta_slow"])
    if scaling and scaling["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors({**config, "rope_theta": theta, "rope_scaling": scaling}))
    tokens = [f"<{i}>" for i in range(config["vocab_size"])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["< 1"])
    if config.get("bos_token_id") is not None:
        writer.add_bos_token_id(config["bos_token_id"])
    if config.get("eos_token_id") is not None:
        writer.add_eos_token_id(config["eos_token_id"])
    dequantised, turn = {}, 0
    for tensor, value in tensors.items():
        array = value.float().numpy()
        kind = GGMLQuantizationType.F32
        if array.ndim > 1:
            wanted = GGMLQuantizationType[types[turn % len(types)]]
            turn += 1
            # Rows of a block's length only.
            kind = wanted if array.shape[1] % GGML_QUANT_SIZES[wanted][0] == 0 else GGMLQuantizationType.F16
            kind = kind if types != ["F32"] else GGMLQuantizationType.F32
        reorder = architecture == "llama" and ("q_proj" in tensor or "k_proj" in tensor)
        rows = pairwise(array, heads if "q_proj" in tensor else kv_heads) if reorder else array
        stored = quantize(np.ascontiguousarray(rows), kind)
        dequantised[tensor] = torch.from_numpy(np.ascontiguousarray(dequantize(stored, kind).reshape(array.shape)))
        writer.add_tensor(gguf_name(tensor), stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    check_model(name, path, architecture, source)


def check_model(name: str, path: Path, architecture: str, source: str) -> None:
    """transformers reads the file by code of its own; where it knows all of it, its logits are the golden ones."""
    golden = load_file(HERE.parent / source / "golden.safetensors")
    ids = golden["input_ids"].long()
    if name == "llama-quantised":
        model = AutoModelForCausalLM.from_pretrained(HERE, gguf_file=path.name, dtype=torch.float32).eval()
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits
        write_tensors(HERE / f"{name}.golden.safetensors", {"input_ids": ids.float(), "logits": logits})
    elif name == "llama-tied":
        model = AutoModelForCausalLM.from_pretrained(HERE, gguf_file=path.name, dtype=torch.float32).eval()
        with torch.no_grad():
            error = (model(ids, use_cache=False).logits - golden["logits"]).abs().max() / golden["logits"].abs().max()
        assert error < 1e-5, (name, error)
        print(name, f"transformers' own reader: {error:.1e}")


# ---- tokenizers ----

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
byte_level = lambda regex: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
split = lambda pattern: pre_tokenizers.Split(Regex(pattern), "isolated")
# As the tokenizer.json of GPT-2, SmolLM2, Llama 3, Qwen2 and Mistral Nemo have it; `default` as llama.cpp does it.
CUTS = {
    "gpt-2": byte_level(True),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
    "llama-bpe": pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)]),
    "qwen2": pre_tokenizers.Sequence([split(LLAMA3.replace("{1,3}", "")), byte_level(False)]),
    "tekken": pre_tokenizers.Sequence([split(TEKKEN), byte_level(False)]),
    "default": pre_tokenizers.Sequence(
        [split(r"[\p{P}\$\+<=>\^~\|]+"), split(GPT2), split(r"\p{N}+"), split("[0-9][0-9][0-9]"), byte_level(False)]
    ),
}


def byte_level_case(pre: str) -> dict:
    ignore_merges = pre in ("llama-bpe", "tekken")
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = CUTS[pre]
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    special = ["<|begin|>", "<|end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 2 + 160, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.add_tokens([AddedToken("<user>", normalized=False)])
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    kinds = {**{token: CONTROL for token in special}, "<user>": USER_DEFINED}
    return {
        "name": pre,
        "metadata": {
            "model": "gpt2", "pre": pre, "tokens": [token for token, _ in tokens],
            "token_type": [kinds.get(token, NORMAL) for token, _ in tokens],
            "merges": [" ".join(merge) for merge in model["merges"]],
            "bos_token_id": 0, "eos_token_id": 1, **({"add_bos_token": False} if ignore_merges else {}),
        },
        "texts": [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in SAMPLES],
    }


def sentencepiece_case(prefix: bool) -> dict:
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in TRAINING for line in text.split("\n") if line.strip()), model_writer=trained,
        model_type="bpe", vocab_size=520, byte_fallback=True, character_coverage=0.995, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=prefix, split_digits=True, num_threads=1, minloglevel=2,
        allow_whitespace_only_pieces=True, hard_vocab_limit=False,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    ids = range(processor.get_piece_size())
    kind = lambda i: (
        BYTE if processor.is_byte(i) else CONTROL if processor.is_control(i) else UNKNOWN if processor.is_unknown(i) else NORMAL
    )
    return {
        "name": "llama" if prefix else "llama without prefix",
        "metadata": {
            "model": "llama", "tokens": [processor.id_to_piece(i) for i in ids],
            "scores": [processor.get_score(i) for i in ids], "token_type": [kind(i) for i in ids],
            "bos_token_id": processor.bos_id(), "eos_token_id": processor.eos_id(), "unknown_token_id": processor.unk_id(),
            "add_space_prefix": prefix,
        },
        # sentencepiece has no notion of tokens within a text, and gives no ids for an empty one.
        "texts": [{"text": text, "ids": processor.encode(text)} for text in SAMPLES if "<" not in text and text],
    }


def make_tokenizers() -> None:
    cases = [byte_level_case(pre) for pre in CUTS] + [sentencepiece_case(prefix) for prefix in (True, False)]
    write_json(HERE / "tokenizers.json", {"cases": cases})


if __name__ == "__main__":
    make_blocks()
    for each in MODELS:
        if (HERE.parent / MODELS[each][0]).exists():
            make_model(each)
    make_tokenizers()
