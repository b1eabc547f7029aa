"""A large file is checked without holding it."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_app.datasets.checking import check
from finetune_app.datasets.formats import FileFormat
from tests.datasets.makers import chat

ROWS = 30_000


def lines() -> Iterator[bytes]:
    for number in range(ROWS):
        yield json.dumps(chat(f"Question {number}? " + "Why so? " * 60, "Because. " * 60)).encode()


@pytest.mark.parametrize("file_format", list(FileFormat))
def test_thirty_megabytes_are_checked_in_flat_memory(tmp_path: Path, file_format: FileFormat) -> None:
    path = tmp_path / "rows"
    with path.open("wb") as file:
        for number, line in enumerate(lines()):
            before = b"\n" if file_format is FileFormat.JSONL else (b",\n" if number else b"[")
            file.write(before + line)
        file.write(b"]" if file_format is FileFormat.JSON else b"\n")
    assert path.stat().st_size > 30_000_000
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            report = check(file)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (report.file_format, report.tally.rows) == (file_format, ROWS)
    assert peak < 20_000_000


def test_a_file_of_bad_rows_keeps_only_the_first_of_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "good"}\n' + b'{"text": ""}\n' * 200_000)
    with path.open("rb") as file:
        tally = check(file).tally
    assert (tally.rows, tally.bad_count, len(tally.bad_rows)) == (1, 200_000, 10_000)
