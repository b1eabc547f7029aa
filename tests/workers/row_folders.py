"""Run folders of the children that work on rows, and those children run as processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from finetune_app.datasets.formats import FileFormat, RowForm
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec


def place(folder: Path, content: bytes, *, form: RowForm = RowForm.CHAT, file_format: str = "jsonl") -> Path:
    """Put rows into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows").write_bytes(content)
    spec = RowsSpec(rows_file=Path("rows"), file_format=FileFormat(file_format), row_form=form)
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    return folder


def run(module: str, folder: Path, **environment: str) -> dict[str, Any]:
    """Run a child; its last event."""
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events, done.stderr
    last: dict[str, Any] = events[-1]
    return last
