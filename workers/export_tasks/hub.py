"""The export to the Hugging Face hub: lays out the files and the order for the child, and keeps the commit it made."""

import hashlib
from pathlib import Path
from typing import Any

from finetune_app.accounts.hub_token import open_hub_token
from finetune_app.merges.export_options import HubOptions
from finetune_app.merges.hub_card import hub_card
from finetune_app.merges.models import Export
from finetune_app.merges.provenance import PROVENANCE_NAME, accompanying_files, title_of
from finetune_app.work import run_task
from workers.export_tasks.folders import MERGED_FOLDER
from workers.export_tasks.place_merged import place_merged
from workers.hub_sender.spec import TOKEN, FileToSend, HubSendSpec
from workers.task_program import TaskProgram


def prepare(export: Export, folder: Path) -> None:
    """Place the merged model and what goes along with it, and write the order.

    Raises:
        UserError: `hub_token_missing`, `hub_token_unreadable`: before anything is laid out.
        blobs.BlobMissing: the storage lost a file.
        OSError: the disk is full.
    """
    merged = export.merged_model
    open_hub_token(merged.workspace)
    options = HubOptions.model_validate(export.options)
    place_merged(merged, folder / MERGED_FOLDER)
    files = [FileToSend(path=file["path"], size=file["size"], sha256=file["sha256"]) for file in merged.files]
    for name, content in accompanying_files(merged).items():
        (folder / MERGED_FOLDER / name).write_bytes(content)
        files.append(FileToSend(path=name, size=len(content), sha256=hashlib.sha256(content).hexdigest()))
    HubSendSpec(
        repository=options.repository,
        private=options.private,
        folder=Path(MERGED_FOLDER),
        files=files,
        provenance=PROVENANCE_NAME,
        card=hub_card(merged),
        message=title_of(merged),
        description=f"Adapter manifest: {merged.version.manifest_sha256}\nProof: {merged.report_sha256}",
    ).save(folder)


def secrets(export: Export) -> dict[str, str]:
    """The workspace's token, for the child alone.

    Raises:
        UserError: `hub_token_missing`, `hub_token_unreadable`.
    """
    return {TOKEN: open_hub_token(export.merged_model.workspace)}


def keep(export: Export, _folder: Path, facts: dict[str, Any]) -> None:
    """Keep which commit it is."""
    run_task.succeed(export, facts)


HUB = TaskProgram("workers.hub_sender", prepare, keep, secrets=secrets)
