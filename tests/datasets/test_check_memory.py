"""A large file is checked without holding it."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_app.datasets.checking import take_in
from finetune_app.datasets.formats import FileFormat
from finetune_app.datasets.sources import NamedFile
from finetune_app.errors import UserError
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
            between = b"\n" if file_format is FileFormat.JSONL else b",\n"
            start = b"" if file_format is FileFormat.JSONL else b"["
            file.write((between if number else start) + line)
        file.write(b"]" if file_format is FileFormat.JSON else b"\n")
    assert path.stat().st_size > 30_000_000
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            checked = take_in([NamedFile(path.name, file)], tmp_path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (checked.report.file_format, checked.report.tally.rows) == (FileFormat.JSONL, ROWS)
    assert (checked.path is None) == (file_format is FileFormat.JSONL)
    assert peak < 20_000_000


def test_too_many_bad_rows_cannot_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "good"}\n' + b'{"text": ""}\n' * 200_000)
    with path.open("rb") as file, pytest.raises(UserError) as caught:
        take_in([NamedFile(path.name, file)], tmp_path, leave_out_bad_rows=True)
    assert caught.value.message.startswith("200,000 of 200,001 rows are bad")
    assert len(caught.value.details) == 200
