"""How long the check of a version's rows takes, near-duplicate search and all, and whether it finds what was planted.

Run: `python benchmarks/find_duplicates.py [--rows 100000]`. It writes chat rows of about 1 kB into a temporary folder,
of which 2 % are exact and 3 % near copies of other rows (two words changed), and runs the child that a worker runs.
Memory is the peak of the child's own memory (RssAnon), and apart from it the signatures' file, whose pages the system
may take back whenever it needs them.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS, SHARE_EXACT, SHARE_NEAR = 8_000, 0.02, 0.03
KEPT = 1_000  # rows that later ones may copy
LOOK_SECONDS = 0.2


def write_rows(folder: Path, count: int) -> tuple[int, int]:
    """The rows, ready for the child; how many exact and near copies there are."""
    rng = random.Random(11)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(WORDS)]
    weights = [1 / place for place in range(1, WORDS + 1)]  # some words are far more common than others
    pool = rng.choices(words, weights, k=1_000_000)
    kept: list[tuple[str, str]] = []
    exact = near = 0
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(count):
            chance = rng.random()
            if kept and chance < SHARE_EXACT:
                question, answer = rng.choice(kept)
                exact += 1
            elif kept and chance < SHARE_EXACT + SHARE_NEAR:
                question, answer = rng.choice(kept)
                changed = answer.split()
                for place in rng.sample(range(len(changed)), 2):
                    changed[place] = f"{changed[place]}{rng.randrange(10**9)}"
                answer = " ".join(changed)
                near += 1
            else:
                question, answer = (_said(rng, pool, length) for length in (60, 120))
                kept = (
                    [*kept[-KEPT:], (question, answer)] if rng.random() < KEPT / count else kept or [(question, answer)]
                )
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            file.write(json.dumps({"messages": messages}) + "\n")
    spec = {"rows_file": "rows.jsonl", "file_format": "jsonl", "row_form": "chat"}
    (folder / "rows_spec.json").write_text(json.dumps(spec))
    (folder / "count.json").write_text(json.dumps({"rows": count}))
    return exact, near


def _said(rng: random.Random, pool: list[str], length: int) -> str:
    start = rng.randrange(len(pool) - 2 * length)
    return " ".join(pool[start : start + rng.randint(length // 2, 2 * length)][::-1])


def main() -> None:
    """Write the rows, run the child, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exact, near = write_rows(folder, options.rows)
        size = (folder / "rows.jsonl").stat().st_size
        print(f"{options.rows:,} chat rows, {size / 1e6:,.0f} MB; {exact:,} exact and {near:,} near copies planted")
        start = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", "workers.findings", name], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        peak = _watch(child, start)
        seconds = time.monotonic() - start
        summary = json.loads((folder / "summary.json").read_text())
        rows = {code: found["rows"] for code, found in summary["codes"].items()}
        print(f"{seconds:,.0f} s, {options.rows / seconds:,.0f} rows/s, {os.cpu_count()} cores")
        print(f"peak {peak / 1024:,.0f} MB, signatures {(folder / 'signatures.u32').stat().st_size / 1e6:,.0f} MB")
        print(f"found: {rows}")


def _watch(child: "subprocess.Popen[str]", start: float) -> int:
    """Print when each stage begins; the peak of the child's own memory in kB."""
    os.set_blocking(child.stdout.fileno(), False)
    peak = 0
    while child.poll() is None:
        time.sleep(LOOK_SECONDS)
        for line in child.stdout.readlines():
            event = json.loads(line)
            if event["type"] in {"log", "error"}:
                print(f"{time.monotonic() - start:7.1f} s  {event.get('text') or event.get('detail')}")
        status = Path(f"/proc/{child.pid}/status").read_text()
        if "RssAnon:" in status:
            peak = max(peak, int(status.partition("RssAnon:")[2].split()[0]))
    if child.returncode:
        sys.exit(f"the child ended with {child.returncode}")
    return peak


if __name__ == "__main__":
    main()
