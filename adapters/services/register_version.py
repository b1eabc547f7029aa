"""Registers the adapter in a folder as the next version of its line: blobs first, then one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from adapters.adapter_folder import MODEL_CARD, SourceFile, from_bytes, read_adapter_folder
from adapters.archive import ArchiveLayout, lay_out
from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, BaseIdentity, Lineage, Manifest
from adapters.model_card import model_card
from adapters.models import Adapter, AdapterVersion, BaseRevision
from adapters.scores import headline
from adapters.services.describe_version import searched
from adapters.services.standing import settle_version
from adapters.tar_layout import tar_parts, tar_sha256
from finetune_app.accounts.models import User, Workspace
from finetune_app.names import check_name
from finetune_app.storage import blobs

TOKENIZER_FILES = frozenset({"tokenizer.json", "tokenizer.model"})


@dataclass(frozen=True)
class _Package:
    """A version with its number written into it; everything is in the storage."""

    manifest: Manifest
    listing: SourceFile  # manifest.json
    layout: ArchiveLayout
    layout_sha256: str
    tar_sha256: str


def register_version(
    *,
    workspace: Workspace,
    adapter_name: str,
    base_revision: BaseRevision,
    folder: Path,
    lineage: Lineage,
    source_key: str,
    created_by: User | None,
    retrains: AdapterVersion | None = None,
    combines: Sequence[AdapterVersion] = (),
    recipe_digest: str = "",
    notes: str = "",
) -> AdapterVersion:
    """The version that was made of `folder`; registering the same `source_key` again gives the same version.

    Args:
        workspace: who owns it.
        adapter_name: its line, made when it does not exist.
        base_revision: the exact base that it was trained on, or for what was made elsewhere is bound to.
        folder: `adapter_model.safetensors`, `adapter_config.json`, and what else belongs to it.
        lineage: how it came to be; frozen with it.
        source_key: what made it, unique for ever.
        created_by: on whose behalf.
        retrains: the version whose recipe it repeats; `lineage.retrains` says so for good.
        combines: the versions that it was made of without training; `lineage.combines` says so for good.
        recipe_digest: of what made it, see `recipe.py`; "" for what cannot be repeated.
        notes: what the person wrote about it.

    Raises:
        UserError: the name cannot be one, or the folder is not a whole adapter.
        blobs.BlobDamaged: a file changed while it was stored.
    """
    if (done := _registered(workspace, source_key)) is not None:
        return done
    name = check_name(adapter_name, field="adapter")
    if base_revision.base_model.workspace_id != workspace.pk:
        raise ValueError(f"{base_revision} belongs to another workspace than {workspace}")
    files = read_adapter_folder(folder)
    for file in files:
        file.store()
    created_at = timezone.now().replace(microsecond=0)
    while True:
        # The number stands in the card, the manifest and the zip, so these are written before it is taken. When
        # somebody else takes it in the meantime, they are written again; the heavy files are not touched by that.
        number = _next_number(Adapter.objects.filter(workspace=workspace, name=name).first())
        package = _pack(name, number, created_at=created_at, base_revision=base_revision, lineage=lineage, files=files)
        with transaction.atomic():
            adapter, _ = Adapter.objects.select_for_update().get_or_create(
                workspace=workspace, name=name, defaults={"created_by": created_by}
            )
            if (done := _registered(workspace, source_key)) is not None:
                return done
            if _next_number(adapter) == number:
                version = AdapterVersion.objects.create(
                    adapter=adapter,
                    workspace=workspace,
                    number=number,
                    base_revision=base_revision,
                    manifest=package.manifest.as_json(),
                    manifest_sha256=package.listing.sha256,
                    manifest_size=package.listing.size,
                    archive_size=package.layout.size,
                    archive_sha256=package.layout.sha256,
                    archive_layout_sha256=package.layout_sha256,
                    tar_sha256=package.tar_sha256,
                    source_key=source_key,
                    continues=_ancestor(workspace, lineage),
                    retrains=retrains,
                    recipe_digest=recipe_digest,
                    notes=notes,
                    searched=searched(name, notes),
                    created_by=created_by,
                    **_columns(lineage),
                )
                if combines:
                    version.combines.set(combines)
                Adapter.objects.filter(pk=adapter.pk).update(newest=version, last_number=number)
                settle_version(version)
                version.refresh_from_db(fields=["status", "status_reason"])
                return version


def _registered(workspace: Workspace, source_key: str) -> AdapterVersion | None:
    versions = AdapterVersion.objects.select_related("adapter", "base_revision__base_model", "created_by")
    return versions.filter(adapter__workspace=workspace, source_key=source_key).first()


def _next_number(adapter: Adapter | None) -> int:
    """One more than was ever given, also to a version that was deleted since."""
    return (adapter.last_number if adapter else 0) + 1


def _ancestor(workspace: Workspace, lineage: Lineage) -> AdapterVersion | None:
    """The version whose weights it started with, when it is still there."""
    if (one := lineage.continues) is None:
        return None
    versions = AdapterVersion.objects.filter(workspace=workspace, adapter__name=one.adapter, number=one.version)
    return versions.filter(manifest_sha256=one.manifest_sha256).defer("manifest").first()


def _columns(lineage: Lineage) -> dict[str, Any]:
    """What lists look for, in columns beside the manifest that says it for good."""
    score_name, score = headline(lineage.scores) or ("", None)
    return {
        "origin": lineage.origin,
        "method": lineage.method,
        "dataset": lineage.dataset,
        "dataset_version": lineage.dataset_version,
        "score_name": score_name,
        "score": score,
    }


def _pack(
    name: str,
    number: int,
    *,
    created_at: datetime,
    base_revision: BaseRevision,
    lineage: Lineage,
    files: Sequence[SourceFile],
) -> _Package:
    base = BaseIdentity(
        name=base_revision.base_model.name,
        revision=base_revision.number,
        weights_root=base_revision.weights_root,
        arch_digest=base_revision.arch_digest,
        tokenizer_digest=base_revision.tokenizer_digest,
        chat_template_digest=base_revision.chat_template_digest,
    )
    card = model_card(
        adapter=name,
        version=number,
        created_at=created_at,
        base=base,
        lineage=lineage,
        has_tokenizer=any(file.path in TOKENIZER_FILES for file in files),
        license=str(lineage.facts.get("license") or ""),
    )
    members = sorted([*files, from_bytes(MODEL_CARD, card.encode())], key=lambda file: file.path)
    manifest = Manifest(
        adapter=name,
        version=number,
        created_at=created_at,
        base=base,
        files=[file.entry for file in members],
        lineage=lineage,
    )
    listing = from_bytes(MANIFEST_NAME, manifest.to_bytes())
    members += [listing, from_bytes(CHECKSUMS_NAME, manifest.checksums(listing.sha256))]
    layout = lay_out(manifest.folder, created_at, [file.member for file in members])
    for file in members:
        if isinstance(file.source, bytes):
            file.store()
    tar = tar_parts(manifest, manifest_sha256=listing.sha256, manifest_size=listing.size)
    chunks = {file.sha256: file.chunks for file in members}
    return _Package(
        manifest,
        listing,
        layout,
        blobs.put_bytes(layout.to_bytes()).sha256,
        tar_sha256(tar, lambda sha256: chunks[sha256]()),
    )
