"""Registers the content of a folder as a revision of a base model: digests, then blobs, then one transaction.

`register_base` does it all; an import has its parts done by a worker's child and by `workers/registry_tasks`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from adapters.base_digests import NOTES, BaseDigests, base_changed, base_digests, stat_of
from adapters.fingerprint import Fingerprint
from adapters.models import BaseModel, BaseRevision
from adapters.services.mark_versions import note_new_revision
from finetune_app.accounts.models import User, Workspace
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs

Progress = Callable[[int, int], None]
SOURCE_LENGTH = 255
RESERVED = frozenset({"imports"})  # stands in the place of a name in addresses


@dataclass(frozen=True)
class StoredBase:
    """A base whose files are blobs; `files` as a revision keeps them."""

    digests: BaseDigests
    files: list[dict[str, Any]]
    leaves_sha256: str


def check_base_name(value: str) -> str:
    """`value` without blanks around it, when it can be the name of a base model.

    Raises:
        UserError: `invalid_name`.
    """
    name = check_name(value)
    if name in RESERVED:
        raise UserError("invalid_name", f"“{name}” cannot be a base model's name. Choose another.", field="name")
    return name


def register_base(
    workspace: Workspace,
    *,
    name: str,
    folder: Path,
    source: str,
    on_progress: Progress | None = None,
    created_by: User | None = None,
) -> BaseRevision:
    """The revision of base model `name` that has the folder's content; the next one when no revision has it yet.

    The same content is the same revision, however it is sharded; its files are then kept as they came first.

    Args:
        workspace: who owns it.
        name: the base model, made when it does not exist.
        folder: config, safetensors weights and tokenizer.
        source: where the files came from, for people.
        on_progress: called with (bytes done, bytes in all): all are hashed, then all are stored.
        created_by: who asked for it.

    Raises:
        UserError: the name cannot be one, or the folder is not a whole base model (see `base_digests`).
        blobs.BlobDamaged: a file changed while it was stored.
    """
    name = check_base_name(name)
    if not folder.is_dir():
        raise UserError("base_folder_missing", f"There is no folder {folder}.", field="folder")
    report = on_progress or (lambda _done, _total: None)
    total = 0

    def hashed(done: int, of: int) -> None:
        nonlocal total
        total = of
        report(done, 2 * of)

    digests = base_digests(folder, notes=settings.WORK_FOLDER / NOTES, on_progress=hashed)
    if (known := find_revision(workspace, name, digests)) is not None:
        report(2 * total, 2 * total)
        return known
    total = total or digests.size
    stored = store_base(folder, digests, lambda done, of: report(total + total * done // max(of, 1), 2 * total))
    with transaction.atomic():
        return keep_revision(workspace, name, stored, source=source, created_by=created_by)[0]


def store_base(folder: Path, digests: BaseDigests, on_progress: Progress | None = None) -> StoredBase:
    """Make blobs of the files in `folder`, whose digests are known: they are not hashed again.

    Raises:
        UserError: `base_changed`: a file is no longer what was hashed.
        blobs.BlobDamaged: a file changed while it was stored.
    """
    stored, entries = 0, []
    for path, sha256 in digests.files.items():
        if stat_of(folder / path) != digests.stats[path]:
            raise base_changed()
        was_there = blobs.exists(sha256)
        blob = blobs.put_file(folder / path, sha256=sha256)
        if stat_of(folder / path) != digests.stats[path]:
            if not was_there:
                blobs.delete(sha256)  # nobody names it yet
            raise base_changed()
        entries.append({"path": path, "size": blob.size, "sha256": blob.sha256})
        stored += blob.size
        if on_progress:
            on_progress(stored, digests.size)
    return StoredBase(digests, entries, blobs.put_bytes(digests.fingerprint.leaf_lines).sha256)


def find_revision(workspace: Workspace, name: str, digests: BaseDigests) -> BaseRevision | None:
    """The revision of the base model `name` that has this content already."""
    return _revision_with(workspace, name, digests.fingerprint)


def keep_revision(
    workspace: Workspace,
    name: str,
    stored: StoredBase,
    *,
    source: str,
    origin: Mapping[str, Any] | None = None,
    created_by: User | None = None,
) -> tuple[BaseRevision, bool]:
    """Within a transaction: the revision with this content, and whether it is new."""
    facts = stored.digests.fingerprint
    base_model, _ = BaseModel.objects.select_for_update().get_or_create(workspace=workspace, name=name)
    if (known := _revision_with(workspace, name, facts)) is not None:
        return known, False
    revision = BaseRevision.objects.create(
        base_model=base_model,
        number=next_number(base_model),
        **_digests(facts),
        leaves_sha256=stored.leaves_sha256,
        files=stored.files,
        architecture=facts.architecture,
        parameters=facts.parameters,
        dtype=facts.dtype,
        linear_modules=list(facts.linear_modules),
        has_code=facts.has_code,
        source=source[:SOURCE_LENGTH],
        origin=dict(origin or {}),
        created_by=created_by,
    )
    note_new_revision(revision)
    return revision, True


def next_number(base_model: BaseModel) -> int:
    """One more than was ever given, also to a revision that was deleted since."""
    newest = base_model.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    return max(newest, base_model.last_number) + 1


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
