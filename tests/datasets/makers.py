"""Rows and files for the dataset tests."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from finetune_app.datasets.check_report import CheckReport
from finetune_app.datasets.checking import take_in
from finetune_app.datasets.formats import BadRow, TrainingRow, read_rows
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.sources import NamedFile


def chat(question: str = "Where is my parcel?", answer: str = "On its way.", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def jsonl(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def taken_in(
    *contents: bytes,
    name: str = "rows",
    how: HowToRead | None = None,
    leave_out_bad_rows: bool = True,
    limit: int = 2**30,
) -> tuple[CheckReport, bytes]:
    """The report on files of these bytes, and the bytes to store."""
    files = [
        NamedFile(f"{number}-{name}" if number else name, io.BytesIO(item)) for number, item in enumerate(contents)
    ]
    with tempfile.TemporaryDirectory() as folder:
        found = take_in(files, Path(folder), how, leave_out_bad_rows=leave_out_bad_rows, limit=limit)
        stored = found.path.read_bytes() if found.path else contents[0]
    return found.report, stored


def checked(content: bytes, name: str = "rows", how: HowToRead | None = None) -> CheckReport:
    return taken_in(content, name=name, how=how)[0]


def rows_of(report: CheckReport, stored: bytes) -> list[TrainingRow | BadRow]:
    """What a worker reads of a version."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.jsonl")
        path.write_bytes(stored)
        return list(read_rows(path, report.file_format, report.row_form))


def upload_file(content: bytes, name: str = "rows.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)
