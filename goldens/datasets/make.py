"""Parquet files as the Hugging Face Hub has them, in each compression, with nested columns and several row groups; and their rows as JSON."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from golden_files import write_json  # noqa: E402

ROWS = [
    {
        "id": i,
        "text": ["", "a plain row", "größer, 学, 🙂\nand a second line", "word " * 40][i % 4] if i % 7 else None,
        "score": i / 8,
        "choices": {"text": [f"choice {k}" for k in range(i % 5)], "label": [chr(65 + k) for k in range(i % 5)]},
        "flags": [k % 2 == 0 for k in range(i % 3)],
    }
    for i in range(50)
]
table = pa.Table.from_pylist(ROWS)
for compression in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
    pq.write_table(table, HERE / f"{compression}.parquet", compression=compression, row_group_size=20)
write_json(HERE / "golden.json", {"source": {"pyarrow": pa.__version__}, "rows": ROWS})
