"""What tests of imported adapters share: what a person sends, and the worker that takes the next import."""

import io
import zipfile
from pathlib import Path

from adapters.models import AdapterImport
from finetune_app.accounts.access import Access
from finetune_app.uploads.models import Upload
from finetune_app.uploads.services.append_piece import append_piece
from finetune_app.uploads.services.begin_upload import begin_upload
from finetune_app.work.run_task import claim_next_task
from workers.run_worker_task import run_worker_task


def send(access: Access, content: bytes, name: str) -> Upload:
    """A complete upload."""
    upload = begin_upload(access, file_name=name, size=len(content))
    append_piece(upload, offset=0, body=io.BytesIO(content))
    return upload


def zipped(folder: Path, top: str = "") -> bytes:
    """The folder as a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, f"{top}{path.name}")
    return content.getvalue()


def work_off() -> AdapterImport:
    """What a light worker does with the next import."""
    found = claim_next_task("light@test")
    assert isinstance(found, AdapterImport)
    run_worker_task(found)
    return AdapterImport.objects.select_related("version__adapter", "version__base_revision").get(pk=found.pk)
