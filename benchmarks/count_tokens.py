"""How long a worker takes to count the tokens of many rows: `python -m benchmarks.count_tokens [ROWS] [BASE_FOLDER]`.

The rows are chat rows of 20 to 200 words, drawn from a seed. Without a base folder the tiny base of the tests tokenizes
them; its vocabulary is small, so its rows have more tokens than they would have for a real base. The child program is
the one that a worker starts; its start, the reading of the rows and the writing of the result are counted in.
"""

import json
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.token_report import LENGTHS, token_report
from tests.tiny import make_tiny_base
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec
from workers.token_reporter.spec import BASE_FOLDER, LENGTHS_FILE, TokenSpec

WORDS = ("my parcel", "has not come", "what", "is the colour", "of the", "sky", "refund", "order", "urgent", "one")
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Make the rows, count their tokens, and compute one report."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay_out(folder, rows, Path(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004
        size = (folder / "rows.jsonl").stat().st_size
        start = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "workers.token_reporter.count", name],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        lengths = np.load(folder / LENGTHS_FILE)
    assert len(lengths) == rows  # noqa: S101
    assert lengths.dtype == LENGTHS  # noqa: S101
    start = time.monotonic()
    report = token_report(lengths, 256, batch_size=4, accumulation=4)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; tokenizers {version('tokenizers')}")
    print(f"{rows:,} rows, {size / 1e6:,.0f} MB, {int(lengths['tokens'].sum()):,} tokens")
    print(f"counted in {seconds:.1f} s, {rows / seconds:,.0f} rows/s, peak {peak:.0f} MB")
    print(f"report for one max length in {time.monotonic() - start:.3f} s; {report.cut_rows:,} rows cut")


def _lay_out(folder: Path, rows: int, base: Path | None) -> None:
    if base is None:
        make_tiny_base(folder / BASE_FOLDER)
    else:
        shutil.copytree(base, folder / BASE_FOLDER, ignore=shutil.ignore_patterns("*.safetensors", "*.gguf"))
    draw = random.Random(0)
    with (folder / "rows.jsonl").open("w") as file:
        for _ in range(rows):
            messages = [
                {"role": "system", "content": "Answer in one line of JSON."},
                {"role": "user", "content": " ".join(draw.choices(WORDS, k=draw.randint(10, 80)))},
                {"role": "assistant", "content": " ".join(draw.choices(WORDS, k=draw.randint(3, 50)))},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    spec = RowsSpec(rows_file=Path("rows.jsonl"), file_format=FileFormat.JSONL, row_form=RowForm.CHAT)
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    TokenSpec(rows=rows).save(folder)


if __name__ == "__main__":
    main()
