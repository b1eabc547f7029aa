"""Which blobs and incoming files are named: everything in the database that looks like a SHA-256 or a UUID.

Every table is read, also those that are added later: every JSON column and every text column that has room for a
SHA-256. So a table that nobody thought of here keeps its blobs; `PLACES` only says what they belong to and whose they
are. Something that is no blob's name but looks like one does no harm.

Blobs that are named by blobs: the layout of a version's zip names its files, of which only `SHA256SUMS` stands in no
column. What it was is computed from the manifest, and where that blob is not there, the layout itself is read.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import CharField, F, JSONField, Model, TextField, UUIDField
from django.db.models.functions import Cast

from adapters.manifest import Manifest
from adapters.models import AdapterVersion
from finetune_app.housekeeping.kinds import Kind
from finetune_app.storage import blobs

NAME = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
INCOMING_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DIGEST_LENGTH = 64
AT_A_TIME = 1000
PLACES: dict[str, tuple[Kind, str]] = {
    "datasets.DatasetVersion": (Kind.DATASETS, "dataset__workspace"),
    "datasets.DatasetTask": (Kind.DATASETS, "version__dataset__workspace"),
    "datasets.DatasetImport": (Kind.DATASETS, "workspace"),
    "adapters.BaseRevision": (Kind.BASES, "base_model__workspace"),
    "adapters.BaseImport": (Kind.BASES, "workspace"),
    "adapters.AdapterVersion": (Kind.ADAPTERS, "adapter__workspace"),
    "adapters.AdapterImport": (Kind.ADAPTERS, "workspace"),
    "adapters.RegistryTask": (Kind.ADAPTERS, "workspace"),
    "merges.MergedModel": (Kind.MERGED, "workspace"),
    "merges.Export": (Kind.EXPORTS, "merged_model__workspace"),
    "jobs.Checkpoint": (Kind.CHECKPOINTS, "job__workspace"),
    "jobs.Attempt": (Kind.LOGS, "job__workspace"),
    "jobs.Job": (Kind.OTHER, "workspace"),
}
"""What the blobs belong to that a table names, and whose row it is; in this order, the first counts."""
NAMELESS = frozenset({"jobs.MetricPoint", "jobs.HeldOutPoint", "sessions.Session"})
"""Large tables of figures and of text from outside that never name a blob."""
IsStored = Callable[[str], bool]


@dataclass(frozen=True)
class Named:
    """What one row names: the text of its columns, whose row it is (None: of no workspace), and of which kind."""

    kind: Kind
    workspace: int | None
    text: str

    @property
    def blobs(self) -> list[str]:
        """The SHA-256s in it."""
        return NAME.findall(self.text)

    @property
    def incoming(self) -> list[str]:
        """The names of incoming files in it."""
        return INCOMING_NAME.findall(self.text)


def everything_named(is_stored: IsStored) -> Iterator[Named]:
    """All rows that could name something, one after the other.

    Args:
        is_stored: whether there was a blob when the storage was listed.
    """
    for model in _models():
        label = model._meta.label  # noqa: SLF001 - the documented name of a model's options
        kind, workspace = PLACES.get(label, (Kind.OTHER, ""))
        yield from _rows(model, kind, workspace)
    yield from _named_by_layouts(is_stored)


def _models() -> list[type[Model]]:
    """Those of `PLACES` first and in their order."""
    order = {label: place for place, label in enumerate(PLACES)}
    found = [model for model in apps.get_models() if model._meta.label not in NAMELESS]  # noqa: SLF001
    return sorted(found, key=lambda model: order.get(model._meta.label, len(order)))  # noqa: SLF001


def _rows(model: type[Model], kind: Kind, workspace: str) -> Iterator[Named]:
    columns = [field.name for field in model._meta.concrete_fields if _may_name(field)]  # noqa: SLF001
    if not columns:
        return
    texts = {f"text_{name}": Cast(name, TextField()) for name in columns}
    rows = model._default_manager.order_by().annotate(**texts)  # noqa: SLF001
    if workspace:
        rows = rows.annotate(in_workspace=F(workspace))
    for values in rows.values_list(*texts, *(["in_workspace"] if workspace else [])).iterator(chunk_size=AT_A_TIME):
        owner = values[len(texts)] if workspace else None
        yield Named(kind, owner, "\n".join(_dashed(value) for value in values[: len(texts)] if value))


def _may_name(field: Any) -> bool:
    if isinstance(field, CharField):
        return field.max_length is None or field.max_length >= DIGEST_LENGTH
    return isinstance(field, JSONField | UUIDField)


def _dashed(value: str) -> str:
    """A UUID as incoming files are called; SQLite keeps it without dashes."""
    if len(value) == 32:  # noqa: PLR2004 - the digits of a UUID
        return f"{value}\n{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
    return value


def _named_by_layouts(is_stored: IsStored) -> Iterator[Named]:
    rows = AdapterVersion.objects.order_by().annotate(text=Cast("manifest", TextField()))
    columns = ("adapter__workspace", "text", "manifest_sha256", "archive_layout_sha256")
    for workspace, text, manifest_sha256, layout_sha256 in rows.values_list(*columns).iterator(chunk_size=AT_A_TIME):
        checksums = Manifest.model_validate_json(text).checksums(manifest_sha256)
        name = hashlib.sha256(checksums).hexdigest()
        if not is_stored(name):
            name = _layout(layout_sha256)
        yield Named(Kind.ADAPTERS, workspace, name)


def _layout(sha256: str) -> str:
    try:
        return blobs.read(sha256).decode()
    except blobs.BlobMissing:
        return ""
