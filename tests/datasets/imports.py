"""What tests of imports share: uploads that are complete, and the worker that takes the next import."""

import io

from finetune_app.accounts.access import Access
from finetune_app.datasets.models import DatasetImport
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.append_piece import append_piece
from finetune_app.uploads.services.begin_upload import begin_upload
from finetune_app.work.run_task import claim_next_task
from workers.run_worker_task import run_worker_task


def send(access: Access, content: bytes, name: str = "rows.jsonl") -> Upload:
    """A complete upload."""
    upload = begin_upload(access, file_name=name, size=len(content))
    append_piece(upload, offset=0, body=io.BytesIO(content))
    return upload


def work_off() -> DatasetImport:
    """What a light worker does with the next import."""
    found = claim_next_task("light@test")
    assert isinstance(found, DatasetImport)
    run_worker_task(found)
    found.refresh_from_db()
    return found
