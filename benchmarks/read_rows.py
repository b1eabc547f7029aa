"""How fast uploaded rows are read, next to Hugging Face `datasets`, on the same file in one run.

Run: `python benchmarks/read_rows.py [--megabytes 500] [--rounds 3]`. It writes its own file of chat rows into a
temporary folder. Each reader runs in a process of its own and imports only what it measures; the best round counts.
Memory is the peak above what the process held after its imports. `check` is the whole upload check of a file that is
stored as it is (hash, counts, every row looked at), `read_rows` is what the trainer reads. The others are the check of
the same rows as one JSON array, as gzip, as CSV and as Parquet, which are written anew as JSONL; MB/s
are of the file, for gzip unpacked.
"""

import argparse
import csv
import gzip
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TEXT = (
    "the a of to and in that is for it with as on be at by this from or an which you one we all can has more when out "
    "order parcel invoice password account button screen battery garden winter bread river answer question because"
)
FILES = {"check": "jsonl", "read_rows": "jsonl", "load_dataset": "jsonl", "array": "json", "gzip": "jsonl.gz"}
FILES |= {"csv": "csv", "parquet": "parquet"}


def write_rows(path: Path, size: int) -> int:
    """Chat rows of about 1.1 kB until the file has `size` bytes; how many."""
    words = TEXT.split()
    rng = random.Random(7)
    rows = written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            said = [" ".join(rng.choices(words, k=rng.randint(10, 120))) for _ in range(3)]
            messages = [
                {"role": "system", "content": "You answer in one short paragraph."},
                {"role": "user", "content": f"{said[0]}?\n{said[1]}"},
                {"role": "assistant", "content": f"“{said[2]}.”"},
            ]
            written += file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def write_array(lines: Path, path: Path) -> None:
    """The same rows as one JSON array."""
    with lines.open("rb") as source, path.open("wb") as file:
        for number, line in enumerate(source):
            file.write((b",\n" if number else b"[") + line.rstrip())
        file.write(b"]\n")


def write_tables(lines: Path, folder: Path) -> None:
    """The same rows as CSV and Parquet: a question and its answer in each."""
    parquet, arrow = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    schema = arrow.schema({"prompt": arrow.string(), "completion": arrow.string()})
    with (
        lines.open("rb") as source,
        (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file,
        parquet.ParquetWriter(folder / "rows.parquet", schema) as table,
    ):
        writer = csv.DictWriter(file, schema.names)
        writer.writeheader()
        while batch := list(islice(source, 10_000)):
            said = [json.loads(line)["messages"] for line in batch]
            rows = [{"prompt": row[1]["content"], "completion": row[2]["content"]} for row in said]
            writer.writerows(rows)
            table.write_table(arrow.Table.from_pylist(rows, schema))


def load_check(path: Path) -> Callable[[], int]:
    """The upload check."""
    checking = importlib.import_module("finetune_app.datasets.checking")

    def read() -> int:
        with path.open("rb", buffering=0) as file:
            checked = checking.take_in([checking.NamedFile(path.name, file)], path.parent)
        if checked.path:
            checked.path.unlink()
        return int(checked.report.tally.rows)

    return read


def load_read_rows(path: Path) -> Callable[[], int]:
    """The trainer's reader."""
    formats = importlib.import_module("finetune_app.datasets.formats")
    return lambda: sum(1 for _ in formats.read_rows(path, formats.FileFormat.JSONL, formats.RowForm.CHAT))


def load_hugging_face(path: Path) -> Callable[[], int]:
    """`datasets.load_dataset`, without a network and with an empty cache."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    datasets = importlib.import_module("datasets")
    datasets.disable_progress_bars()

    def read() -> int:
        with tempfile.TemporaryDirectory(dir=path.parent) as cache:
            return len(datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache))

    return read


def run_reader(name: str, path: Path) -> None:
    """In the reader's own process: read once and print seconds, peak MB above the imports, and rows."""
    loaders = {"read_rows": load_read_rows, "load_dataset": load_hugging_face}
    read = loaders.get(name, load_check)(path)
    before = memory_kb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here, not from the imports
    start = time.perf_counter()
    rows = read()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mb": (memory_kb("VmHWM") - before) / 1024, "rows": rows}))


def memory_kb(name: str) -> int:
    """A line of /proc/self/status: `VmRSS` is the memory held now, `VmHWM` its peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])


def main() -> None:
    """Write the file, run every reader, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reader", choices=tuple(FILES), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        run_reader(options.reader, options.path)
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "rows.jsonl")
        rows = write_rows(lines, options.megabytes * 1_000_000)
        write_array(lines, Path(folder, "rows.json"))
        with lines.open("rb") as source, gzip.open(Path(folder, "rows.jsonl.gz"), "wb", compresslevel=6) as packed:
            shutil.copyfileobj(source, packed)
        write_tables(lines, Path(folder))
        print(f"{lines.stat().st_size / 1e6:,.0f} MB of chat JSONL, {rows:,} rows; best of {options.rounds}")
        print(f"{'reader':<14}{'MB/s':>8}{'rows/s':>12}{'peak MB':>10}")
        for reader, ending in FILES.items():
            path = Path(folder, f"rows.{ending}")
            command = [sys.executable, __file__, "--reader", reader, "--path", str(path)]
            results = [json.loads(subprocess.check_output(command)) for _ in range(options.rounds)]
            if any(result["rows"] != rows for result in results):
                sys.exit(f"{reader} read another number of rows")
            best = min(results, key=lambda result: float(result["seconds"]))
            size = (lines if reader == "gzip" else path).stat().st_size
            speed = size / 1e6 / best["seconds"]
            print(f"{reader:<14}{speed:>8,.0f}{rows / best['seconds']:>12,.0f}{best['peak_mb']:>10,.0f}")


if __name__ == "__main__":
    main()
