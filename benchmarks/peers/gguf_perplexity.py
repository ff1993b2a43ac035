"""Perplexity of a SmolLM2 GGUF file by PyTorch: weights dequantised by the gguf package and put into transformers' model.

Usage: gguf_perplexity.py FILE.gguf WORK.json, WORK being {"texts", "length", "stride", "limit"}. Hugging Face's tokenizers
turns the texts into one stream, each after the first token, of which every stride-th window is taken. Prints JSON.
"""

import hashlib
import json
import math
import struct
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM

CONTROL = 3


def tokenizer_of(reader: GGUFReader) -> Tokenizer:
    """Byte-level BPE cut as SmolLM2's tokenizer.json has it: single digits, then GPT-2's pattern."""
    read = lambda key: reader.fields[f"tokenizer.ggml.{key}"].contents()
    assert read("model") == "gpt2" and read("pre") == "smollm"
    tokens = read("tokens")
    merges = [tuple(merge.split(" ")) for merge in read("merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    special = [token for token, kind in zip(tokens, read("token_type")) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def main(path: Path, work: dict) -> dict:
    reader = GGUFReader(path)
    tokenizer = tokenizer_of(reader)
    begin = reader.fields["tokenizer.ggml.bos_token_id"].contents()
    stream = [i for text in work["texts"] for i in [begin, *tokenizer.encode(text, add_special_tokens=False).ids]]
    length = work["length"]
    full = [stream[at : at + length] for at in range(0, len(stream) - length + 1, length)]
    windows = full[:: work["stride"]][: work["limit"]]
    # transformers dequantises by the gguf package and puts the rows of Q and K back into its own order.
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for window in windows:
            ids = torch.tensor([window])
            logits = model(ids).logits[0, :-1].double()
            total += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
            count += len(window) - 1
    return {
        "perplexity": math.exp(total / count),
        "tokens": count,
        "streamHash": hashlib.sha256(struct.pack(f"<{len(stream)}i", *stream)).hexdigest(),
        "versions": {name: version(name) for name in ["torch", "transformers", "tokenizers", "gguf"]},
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))))
