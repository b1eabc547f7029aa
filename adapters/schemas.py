"""What the REST API says about adapters and their versions."""

from datetime import datetime
from typing import Any, Literal, Self

from django.urls import reverse
from ninja import Field, Schema

from adapters.listing import AdapterRow, VersionRow, names_of
from adapters.models import Adapter, AdapterVersion
from adapters.states import VersionOrigin, VersionStatus


class FileOut(Schema):
    """One file."""

    path: str = Field(description="Relative, with forward slashes.")
    size: int = Field(description="Bytes.")
    sha256: str


class DownloadOut(FileOut):
    """One file and where it is."""

    url: str = Field(description="On this server; takes ranges.")


class ScoreOut(Schema):
    """One model on the held-out rows."""

    exact_match: float | None = Field(None, description="Share of rows answered exactly as expected, 0–1.")
    pair_accuracy: float | None = Field(None, description="Share of preferences the right way round, 0–1.")
    token_accuracy: float | None = Field(None, description="Share of answer tokens guessed right, 0–1.")
    loss: float | None = Field(None, description="Nats per answer token.")


class ScoresOut(Schema):
    """Base and tuned model on the same held-out rows."""

    rows: int | None
    base: ScoreOut | None
    tuned: ScoreOut


class StandingOut(Schema):
    """Where a version stands, and what people say of it: all of it may change, the version itself never does."""

    status: VersionStatus = Field(description="Whatever it is, the version works and downloads on its own base.")
    status_reason: str = Field(description="One sentence; empty while there is nothing to say.")
    flag: str = Field(description="Why somebody should look at it again; empty when nobody need.")
    tags: list[str]
    notes: str

    @classmethod
    def values(cls, version: AdapterVersion, tags: list[str]) -> dict[str, Any]:
        """These of `version`, for the answers that say more."""
        return {
            "status": version.status,
            "status_reason": version.status_reason,
            "flag": version.flag,
            "tags": tags,
            "notes": version.notes,
        }


class VersionOut(StandingOut):
    """One version of an adapter, in short."""

    reference: str = Field(description="`name@version`, as jobs and downloads take it.")
    adapter: str
    version: int
    base_model: str = Field(description="`name@revision`: the only content that it belongs to.")
    origin: VersionOrigin
    method: str = Field(description="Of fine-tuning; empty when nobody knows.")
    dataset: str | None = Field(description="`name@version`; null when nobody knows.")
    job: int | None = Field(description="The job that made it.")
    scores: ScoresOut | None
    score_name: str = Field(description="The most telling measure; empty without scores.")
    score: float | None = Field(description="What the tuned model reached in it.")
    aliases: list[str] = Field(description="That mean it now.")
    size: int = Field(description="Bytes of the zip.")
    created_at: datetime
    created_by: str | None
    url: str = Field(description="Of this version, on this server.")

    @classmethod
    def of(cls, row: VersionRow) -> Self:
        """The answer for `row`."""
        version = row.version
        return cls(
            **cls.values(version, row.tags),
            reference=str(version),
            adapter=version.adapter.name,
            version=version.number,
            base_model=str(version.base_revision),
            origin=VersionOrigin(version.origin),
            method=version.method,
            dataset=f"{version.dataset}@{version.dataset_version}" if version.dataset else None,
            job=row.job,
            scores=ScoresOut.model_validate(row.scores) if row.scores else None,
            score_name=version.score_name,
            score=version.score,
            aliases=row.aliases,
            size=version.archive_size,
            created_at=version.created_at,
            created_by=version.created_by.username if version.created_by else None,
            url=_url("adapter_version", version),
        )


class AdapterOut(Schema):
    """An adapter by its newest version."""

    name: str
    newest: VersionOut | None
    aliases: dict[str, int] = Field(description="Each with the version that it means.")
    created_at: datetime

    @classmethod
    def of(cls, row: AdapterRow) -> Self:
        """The answer for `row`."""
        newest = VersionOut.of(row.newest) if row.newest else None
        aliases = {alias.name: alias.version.number for alias in row.aliases}
        return cls(name=row.adapter.name, newest=newest, aliases=aliases, created_at=row.adapter.created_at)


class AdaptersOut(Schema):
    """A page of adapters."""

    items: list[AdapterOut]
    count: int = Field(description="Of all that match.")


class AdapterDetailOut(Schema):
    """An adapter and its versions."""

    name: str
    created_at: datetime
    versions: list[VersionOut] = Field(description="The newest first; at most `limit` of them.")

    @classmethod
    def of(cls, adapter: Adapter, rows: list[VersionRow]) -> Self:
        """The answer for `adapter`."""
        return cls(name=adapter.name, created_at=adapter.created_at, versions=[VersionOut.of(row) for row in rows])


class VersionsOut(Schema):
    """A page of versions."""

    items: list[VersionOut]
    next_offset: int | None = Field(description="Where the next page begins; null on the last one.")


class VersionChangeIn(Schema):
    """What shall be different; what is left out stays."""

    notes: str | None = None
    tags: list[str] | None = Field(None, description="All that it shall have.")
    status: Literal[VersionStatus.RETIRED, VersionStatus.SERVABLE] | None = Field(
        None, description="`retired` takes it out of use; `servable` back into it, or stale where its base moved on."
    )
    reason: str = Field("", description="Why it is retired, in one sentence.")
    flag: Literal[""] | None = Field(None, description='"" says that somebody looked at it.')


class VersionDetailOut(StandingOut):
    """One version with its manifest and its files."""

    adapter: str
    version: int
    aliases: list[str] = Field(description="That mean it now.")
    created_at: datetime
    created_by: str | None
    manifest: dict[str, Any] = Field(description="Files, base digests and lineage, frozen: the same as manifest.json.")
    files: list[DownloadOut] = Field(description="Every file that manifest.json lists, itself, and SHA256SUMS.")
    archive: DownloadOut = Field(description="All of them as one zip; `path` is its file name.")

    @classmethod
    def of(cls, version: AdapterVersion, files: list[FileOut], archive: FileOut) -> Self:
        """The answer for `version`."""
        urls = {file.path: _url("adapter_file", version, path=file.path) for file in files}
        return cls(
            **cls.values(version, names_of(version.tags)),
            adapter=version.adapter.name,
            version=version.number,
            aliases=names_of(version.aliases),
            created_at=version.created_at,
            created_by=version.created_by.username if version.created_by else None,
            manifest=version.manifest,
            files=[DownloadOut(**file.model_dump(), url=urls[file.path]) for file in files],
            archive=DownloadOut(**archive.model_dump(), url=_url("adapter_download", version)),
        )


def _url(view: str, version: AdapterVersion, **more: str) -> str:
    return reverse(f"api:{view}", kwargs={"name": version.adapter.name, "number": version.number, **more})
