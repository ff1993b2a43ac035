"""Small data sets in the layout of WikiText-2, C4 and PTB, and the perplexity of the embedded model on them as the code
published with SparseGPT, Wanda and GPTQ computes it, window by window; sliding windows as in transformers' guide, with every token
counted once (the guide's weights drop one a window)."""

import gzip
import hashlib
import json
import re
import sys
from pathlib import Path

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
from golden_files import SOURCE, write_json  # noqa: E402

MODEL = ROOT / "packages/tiny-llama/data"
DATA = HERE / "data"
WIKI = "wikitext2/wikitext-2-raw-v1/test-00000-of-00001.parquet"
C4 = "c4/en/c4-validation.00000-of-00008.json.gz"
PTB = "ptb/penn_treebank/test/0000.parquet"


def paragraphs():
    """Four sentences each, from all over the embedded held-out text."""
    text = brotli.decompress((MODEL / "test.txt.br").read_bytes()).decode()
    sentences = re.split(r"(?<=[.!?])\s+", re.sub(r"\s+", " ", text.replace("\0", " ")))
    return [" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 60)]


def make_data(texts):
    rows = []
    for i in range(9):
        rows += ["", f" = Article {i} = \n", ""]
        rows += [f" {part} \n" for part in texts[3 * i : 3 * i + 2]]
        rows += ["", " = = Remarks = = \n", "", f" {texts[3 * i + 2]} \n"]
    write_table(WIKI, {"text": rows}, row_group_size=20)
    lines = [
        json.dumps({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": f"https://example.org/{i}"})
        for i, text in enumerate(texts[27:67])
    ]
    path = DATA / C4
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
    sentences = [s.strip() for text in texts[67:82] for s in re.split(r"(?<=[.!?])\s+", text.lower()) if s.strip()]
    write_table(PTB, {"sentence": sentences}, row_group_size=1000)


def write_table(name, columns, row_group_size):
    path = DATA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size, compression="snappy")


def get_wikitext2(tokenizer):
    return tokenizer("\n\n".join(pq.read_table(DATA / WIKI)["text"].to_pylist()), return_tensors="pt").input_ids


def get_c4(tokenizer, seqlen):
    rows = [json.loads(line)["text"] for line in gzip.decompress((DATA / C4).read_bytes()).decode().splitlines()]
    return tokenizer(" ".join(rows[:1100]), return_tensors="pt").input_ids[:, : (256 * seqlen)]


def get_ptb(tokenizer):
    return tokenizer(" ".join(pq.read_table(DATA / PTB)["sentence"].to_pylist()), return_tensors="pt").input_ids


def token_nll(model, ids):
    """Of ids [1, T]: −ln p of tokens 1…T−1."""
    logits = model(ids).logits[:, :-1].float()
    return torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="none")


def end_to_end(model, ids, seqlen):
    """As published: whole windows, the mean loss of each times its length."""
    count = ids.numel() // seqlen
    losses = [token_nll(model, ids[:, i * seqlen : (i + 1) * seqlen]).mean() for i in range(count)]
    total = torch.stack([loss * seqlen for loss in losses]).sum()
    return {"windows": [loss.item() for loss in losses], "perplexity": torch.exp(total / (count * seqlen)).item()}


def sliding(model, ids, length, stride):
    windows, total, tokens, previous = [], 0.0, 0, 0
    for begin in range(0, ids.size(1), stride):
        end = min(begin + length, ids.size(1))
        nll = token_nll(model, ids[:, begin:end])[-(end - previous) :]
        windows.append(nll.mean().item())
        total, tokens, previous = total + nll.double().sum().item(), tokens + nll.numel(), end
        if end == ids.size(1):
            break
    return {"windows": windows, "tokens": tokens, "perplexity": float(torch.tensor(total / tokens).exp())}


def token_record(ids):
    flat = ids[0].to(torch.int32)
    return {"tokens": flat.numel(), "sha256": hashlib.sha256(flat.numpy().tobytes()).hexdigest()}


def load_tokenizer(with_beginning):
    fast = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    if with_beginning:
        fast.post_processor = TemplateProcessing(single="<|eot|> $A", special_tokens=[("<|eot|>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=fast)


@torch.no_grad()
def main():
    make_data(paragraphs())
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    golden = {"source": SOURCE, "seqlen": {"wikitext2": 128, "c4": 16, "ptb": 64}, "runs": {}}
    for name, with_beginning in (("plain", False), ("beginning", True)):
        tokenizer = load_tokenizer(with_beginning)
        seqlen = golden["seqlen"]
        texts = {
            "wikitext2": get_wikitext2(tokenizer),
            "c4": get_c4(tokenizer, seqlen["c4"]),
            "ptb": get_ptb(tokenizer),
        }
        golden["runs"][name] = {
            protocol: {**token_record(ids), **end_to_end(model, ids, seqlen[protocol])} for protocol, ids in texts.items()
        }
        if name == "plain":
            golden["sliding"] = {"length": 64, "stride": 24, **sliding(model, texts["ptb"], 64, 24)}
    write_json(HERE / "golden.json", golden)


main()
