"""Rows and files for the dataset tests."""

import io
import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from finetune_app.datasets.checking import CheckReport, check


def chat(question: str = "Where is my parcel?", answer: str = "On its way.", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def jsonl(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def checked(content: bytes) -> CheckReport:
    return check(io.BytesIO(content))


def upload_file(content: bytes, name: str = "rows.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)
