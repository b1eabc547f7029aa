"""The JSON of base upgrades over REST."""

from typing import Self

from ninja import Field, Schema
from pydantic import ConfigDict

from adapters.states import ChangeKind
from finetune_app.errors import UserError
from finetune_app.jobs.states import JobState
from finetune_app.merges.states import Verdict
from finetune_app.upgrades.older import Effect, OlderRevision
from finetune_app.upgrades.plan import Retraining
from finetune_app.upgrades.services.retrain_version import Asked
from finetune_app.upgrades.touched import TouchedAdapter, TouchedAlias, TouchedJob, TouchedMergedModel
from finetune_app.upgrades.upgrade import Upgrade
from finetune_app.web.schemas import ErrorOut

EFFECT = "`stale`: must not be put on the newer revision; `look_again`: may be, evaluate it again; `none`."


class OlderRevisionOut(Schema):
    """An older revision, and what the newer one has otherwise."""

    revision: str
    change: ChangeKind = Field(description="The gravest change that the newer revision is against this one.")
    differs_in: list[str] = Field(description="All that differs, in words.")
    effect: Effect = Field(description=EFFECT)

    @classmethod
    def of(cls, item: OlderRevision) -> Self:
        """As JSON."""
        found = item.difference
        return cls(
            revision=str(item.revision),
            change=found.kind,
            differs_in=[*found.hard_words, *found.soft_words],
            effect=item.effect,
        )


class TouchedAdapterOut(Schema):
    """An adapter with versions on older revisions."""

    name: str
    versions: int
    stale: int
    superseded: int
    flagged: int

    @classmethod
    def of(cls, item: TouchedAdapter) -> Self:
        """As JSON."""
        return cls(
            name=item.name,
            versions=item.versions,
            stale=item.stale,
            superseded=item.superseded,
            flagged=item.flagged,
        )


class TouchedAliasOut(Schema):
    """An alias that points to a version of an older revision."""

    alias: str = Field(description="`adapter@alias`.")
    version: str
    base_revision: str
    effect: Effect = Field(description=EFFECT)

    @classmethod
    def of(cls, item: TouchedAlias) -> Self:
        """As JSON."""
        version = item.alias.version
        return cls(
            alias=str(item.alias),
            version=str(version),
            base_revision=str(version.base_revision),
            effect=item.effect,
        )


class TouchedMergedModelOut(Schema):
    """A merged model that is an older revision with an adapter in it; it is not changed."""

    version: str
    number: int = Field(description="Among the merged models of its version.")
    verdict: Verdict
    base_revision: str
    effect: Effect = Field(description=f"Of its version. {EFFECT}")
    message: str = Field(description="What that means for it.")

    @classmethod
    def of(cls, item: TouchedMergedModel) -> Self:
        """As JSON."""
        merged = item.merged
        return cls(
            version=str(merged.version),
            number=merged.number,
            verdict=Verdict(merged.verdict),
            base_revision=str(merged.base_revision),
            effect=item.effect,
            message=item.text,
        )


class TouchedJobOut(Schema):
    """A job that is not over yet and runs on an older revision; it is not changed."""

    number: int
    adapter: str
    state: JobState
    base_revision: str
    effect: Effect = Field(description=EFFECT)
    message: str = Field(description="What becomes of it.")

    @classmethod
    def of(cls, item: TouchedJob) -> Self:
        """As JSON."""
        job = item.job
        return cls(
            number=job.number,
            adapter=job.adapter_name,
            state=JobState(job.state),
            base_revision=str(job.base_revision),
            effect=item.effect,
            message=item.text,
        )


class RetrainingOut(Schema):
    """One version whose recipe the upgrade asks to repeat."""

    version: str
    status: str
    base_revision: str
    aliases: list[str]
    is_newest: bool
    dataset: str | None = Field(description="`name@2`; null when nobody knows.")
    seed: int | None
    recipe: str | None = Field(description="The options that tell runs apart, in a line.")
    recipe_digest: str = Field(description="SHA-256 of rows, config and seed; with the revision it says what is asked.")
    problem: ErrorOut | None = Field(description="Why the recipe cannot be repeated.")
    state: str = Field(description="`not_asked`, the state of the job that retrains it, or `done`.")
    job: int | None
    retrained_as: str | None = Field(description="The version that came of it.")

    @classmethod
    def of(cls, row: Retraining) -> Self:
        """As JSON."""
        lineage = row.lineage
        return cls(
            version=str(row.version),
            status=row.version.status,
            base_revision=str(row.version.base_revision),
            aliases=row.aliases,
            is_newest=row.is_newest,
            dataset=f"{lineage.dataset}@{lineage.dataset_version}" if lineage.dataset else None,
            seed=lineage.seed,
            recipe=row.recipe.summary if row.recipe else None,
            recipe_digest=row.recipe_digest,
            problem=_error(row.problem),
            state=row.state,
            job=row.job.number if row.job else None,
            retrained_as=str(row.made) if row.made else None,
        )


class UpgradeOut(Schema):
    """The upgrade to a revision: what changed, what it touches, what it asks for."""

    revision: str
    newest: str = Field(description="The newest revision, when a newer one than this came since.")
    change: ChangeKind = Field(description="What it changes of the revision before it.")
    message: str
    from_revisions: list[OlderRevisionOut]
    adapters: list[TouchedAdapterOut]
    adapter_count: int
    aliases: list[TouchedAliasOut]
    alias_count: int
    merged_models: list[TouchedMergedModelOut]
    merged_model_count: int
    jobs: list[TouchedJobOut]
    job_count: int
    retrainings: list[RetrainingOut]
    retraining_count: int

    @classmethod
    def of(cls, upgrade: Upgrade, rows: list[Retraining]) -> Self:
        """As JSON, with one page of the retraining."""
        touched = upgrade.touched
        return cls(
            revision=str(upgrade.revision),
            newest=str(upgrade.newest),
            change=ChangeKind(upgrade.revision.change),
            message=upgrade.text,
            from_revisions=[OlderRevisionOut.of(item) for item in upgrade.older],
            adapters=[TouchedAdapterOut.of(item) for item in touched.adapters],
            adapter_count=touched.adapter_count,
            aliases=[TouchedAliasOut.of(item) for item in touched.aliases],
            alias_count=touched.alias_count,
            merged_models=[TouchedMergedModelOut.of(item) for item in touched.merged],
            merged_model_count=touched.merged_count,
            jobs=[TouchedJobOut.of(item) for item in touched.jobs],
            job_count=touched.job_count,
            retrainings=[RetrainingOut.of(row) for row in rows],
            retraining_count=upgrade.asked.count(),
        )


class RetrainIn(Schema):
    """Which versions to retrain."""

    model_config = ConfigDict(extra="forbid")

    versions: list[str] = Field(description="Each `name@3` or `name@production`.")


class AskedOut(Schema):
    """What came of asking to retrain a version."""

    version: str
    job: int | None = Field(description="The job that retrains it: a new one, or the one that was asked for before.")
    is_new: bool
    problem: ErrorOut | None = Field(description="Why nothing was queued.")

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """As JSON."""
        return cls(
            version=str(asked.version),
            job=asked.job.number if asked.job else None,
            is_new=asked.is_new,
            problem=_error(asked.problem),
        )


class RetrainOut(Schema):
    """What came of each."""

    items: list[AskedOut]


def _error(problem: UserError | None) -> ErrorOut | None:
    return ErrorOut.model_validate(problem.as_json()) if problem else None
