"""Registers the content of a folder as a revision of a base model: digests, then blobs, then one transaction."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import transaction

from adapters.base_folder import base_files
from adapters.fingerprint import Fingerprint, fingerprint
from adapters.models import BaseModel, BaseRevision
from finetune_app.accounts.models import Workspace
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs

Progress = Callable[[int, int], None]
SOURCE_LENGTH = 255


def register_base(
    workspace: Workspace, *, name: str, folder: Path, source: str, on_progress: Progress | None = None
) -> BaseRevision:
    """The revision of base model `name` that has the folder's content; the next one when no revision has it yet.

    The same content is the same revision, however it is sharded; its files are then kept as they came first.

    Args:
        workspace: who owns it.
        name: the base model, made when it does not exist.
        folder: config, safetensors weights and tokenizer.
        source: where the files came from, for people.
        on_progress: called with (bytes done, bytes in all): all are hashed, then all are stored.

    Raises:
        UserError: the name cannot be one, or the folder is not a whole base model (see `fingerprint`).
        blobs.BlobDamaged: a file changed while it was stored.
    """
    name = check_name(name)
    if not folder.is_dir():
        raise UserError("base_folder_missing", f"There is no folder {folder}.", field="folder")
    files = base_files(folder)
    total = sum(path.stat().st_size for path in files.values())
    report = on_progress or (lambda _done, _total: None)
    facts = fingerprint(folder, lambda done, of: report(total * done // max(of, 1), 2 * total))
    if (known := _revision_with(workspace, name, facts)) is not None:
        report(2 * total, 2 * total)
        return known
    stored, entries = 0, []
    for path, source_file in files.items():
        blob = blobs.put_file(source_file)
        entries.append({"path": path, "size": blob.size, "sha256": blob.sha256})
        stored += blob.size
        report(total + stored, 2 * total)
    leaves = blobs.put_bytes(facts.leaf_lines)
    with transaction.atomic():
        base_model, _ = BaseModel.objects.select_for_update().get_or_create(workspace=workspace, name=name)
        if (known := _revision_with(workspace, name, facts)) is not None:
            return known
        return BaseRevision.objects.create(
            base_model=base_model,
            number=(base_model.revisions.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
            **_digests(facts),
            leaves_sha256=leaves.sha256,
            files=entries,
            architecture=facts.architecture,
            parameters=facts.parameters,
            dtype=facts.dtype,
            linear_modules=list(facts.linear_modules),
            source=source[:SOURCE_LENGTH],
        )


def _revision_with(workspace: Workspace, name: str, facts: Fingerprint) -> BaseRevision | None:
    revisions = BaseRevision.objects.select_related("base_model")
    return revisions.filter(base_model__workspace=workspace, base_model__name=name, **_digests(facts)).first()


def _digests(facts: Fingerprint) -> dict[str, Any]:
    return {
        "weights_root": facts.weights_root,
        "arch_digest": facts.arch_digest,
        "tokenizer_digest": facts.tokenizer_digest,
        "chat_template_digest": facts.chat_template_digest,
    }
