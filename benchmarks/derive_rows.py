"""What it takes to derive, compare and export large dataset versions, in time and in memory of the worker's child.

Run: `python benchmarks/derive_rows.py [--rows 1000000]`. It writes chat rows of about 1 kB into a temporary folder and
runs the child programs that a worker runs: a version without every tenth row, shuffled and split; a comparison of that
with the first; the rows as Parquet. Memory is the peak of the child's own memory (RssAnon), looked at five times a
second; pages of files that it maps are the system's to take back.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
WORDS = "the a of to and in that is for it with as on be at by this from order parcel invoice password account answer"


def write_rows(path: Path, count: int) -> None:
    """Chat rows, each unlike the others."""
    rng = random.Random(5)
    words = WORDS.split()
    with path.open("w") as file:
        for number in range(count):
            question, answer = (" ".join(rng.choices(words, k=rng.randint(20, 160))) for _ in range(2))
            messages = [{"role": "user", "content": f"{number} {question}"}, {"role": "assistant", "content": answer}]
            file.write(json.dumps({"messages": messages}) + "\n")


def lay_out(folder: Path, rows: Path) -> None:
    """The rows in a run folder, as the task lays them out."""
    from finetune_app.datasets.formats import FileFormat, RowForm
    from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec

    folder.mkdir(parents=True, exist_ok=True)
    spec = RowsSpec(rows_file=rows, file_format=FileFormat.JSONL, row_form=RowForm.CHAT)
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())


def run(module: str, folder: Path) -> tuple[float, float, str]:
    """Run a child to its end: seconds, peak megabytes, and its last facts."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", module, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    peak = 0
    lines: list[str] = []

    reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()))
    reader.start()
    while child.poll() is None:
        peak = max(peak, own_memory(child.pid))
        time.sleep(0.2)
    reader.join()
    if child.returncode:
        sys.exit(f"{module} failed: {lines[-1:]}")
    return time.perf_counter() - start, peak / 1e6, json.dumps(json.loads(lines[-1])["facts"])


def own_memory(pid: int) -> int:
    """Bytes of the process that lie in no file."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    from finetune_app.datasets.derivation import Derivation
    from workers.row_deriver.order import DROP_NAME, ORDER_NAME, RESULT_NAME, DeriveOrder
    from workers.row_differ.names import AFTER, BEFORE, TOTAL_NAME
    from workers.row_exporter import names as export

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = folder / "rows.jsonl"
        write_rows(rows, count)
        print(f"{count:,} chat rows, {rows.stat().st_size / 1e6:,.0f} MB")
        lay_out(folder / "derive" / "0", rows)
        steps = {"drop_rows": {"sha256": "0" * 64}, "shuffle": {"seed": 1}, "split": {"share": 0.1, "seed": 1}}
        order = DeriveOrder(parents=["big@1"], total=count, steps=Derivation.model_validate(steps))
        (folder / "derive" / ORDER_NAME).write_text(order.model_dump_json())
        (folder / "derive" / DROP_NAME).write_text("".join(f"{number}\n" for number in range(10, count + 1, 10)))
        say("derive", *run("workers.row_deriver", folder / "derive"))
        derived = folder / "derive" / RESULT_NAME
        lay_out(folder / "compare" / BEFORE, rows)
        lay_out(folder / "compare" / AFTER, derived)
        (folder / "compare" / TOTAL_NAME).write_text(str(2 * count))
        say("compare", *run("workers.row_differ", folder / "compare"))
        lay_out(folder / "export", rows)
        (folder / "export" / export.FORMAT_NAME).write_text("parquet")
        (folder / "export" / export.TOTAL_NAME).write_text(str(count))
        say("export as Parquet", *run("workers.row_exporter", folder / "export"))


def say(what: str, seconds: float, megabytes: float, facts: str) -> None:
    """One line."""
    print(f"{what:<20}{seconds:>7.1f} s  peak {megabytes:>6.0f} MB  {facts[:150]}")


if __name__ == "__main__":
    main()
