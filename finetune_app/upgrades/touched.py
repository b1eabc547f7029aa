"""All that lies on an older revision when a base model gets a newer one: adapters, aliases, merged models, jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q

from adapters.models import Adapter, AdapterVersion, Alias, BaseRevision
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.jobs.access import jobs_of
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import OPEN_STATES, JobState
from finetune_app.merges.access import merged_models_in
from finetune_app.merges.models import MergedModel
from finetune_app.upgrades.older import Effect, OlderRevision
from finetune_app.work.states import TaskState

NOT_STARTED = frozenset({JobState.QUEUED, JobState.PAUSED})


@dataclass(frozen=True)
class TouchedAdapter:
    """An adapter with versions on older revisions: how many, and how many of them are or were stale because of that."""

    name: str
    versions: int
    stale: int
    superseded: int
    flagged: int

    @property
    def text(self) -> str:
        """The same in words."""
        counts = {"stale": self.stale, "superseded": self.superseded, "to look at again": self.flagged}
        parts = [f"{self.versions:,} version{'' if self.versions == 1 else 's'} on older revisions"]
        return ", ".join(parts + [f"{count:,} {words}" for words, count in counts.items() if count]) + "."


@dataclass(frozen=True)
class TouchedAlias:
    """An alias that points to a version of an older revision."""

    alias: Alias
    effect: Effect

    @property
    def text(self) -> str:
        """What that means for it. An alias is never moved by an upgrade: people move it when they have evaluated."""
        return {
            Effect.STALE: "It must not be put on the newer revision: retrain it, then move the alias.",
            Effect.LOOK_AGAIN: "It may be put on the newer revision: evaluate it there first.",
            Effect.NONE: "It may be put on the newer revision.",
        }[self.effect]


@dataclass(frozen=True)
class TouchedMergedModel:
    """A merged model that is an older revision with an adapter in it."""

    merged: MergedModel
    effect: Effect

    @property
    def text(self) -> str:
        """What that means for it. Its weights are whole in themselves: whoever serves them may go on."""
        stays = f"It is {self.merged.base_revision} with the adapter in it, and goes on working"
        return {
            Effect.STALE: f"{stays}. Its version is stale: retrain it, then merge what comes of that.",
            Effect.LOOK_AGAIN: f"{stays}. Its version may be merged into the newer revision as well.",
            Effect.NONE: f"{stays}. Its version may be merged into the newer revision as well.",
        }[self.effect]


@dataclass(frozen=True)
class TouchedJob:
    """A job that is not over yet and runs on an older revision."""

    job: Job
    effect: Effect

    @property
    def text(self) -> str:
        """What becomes of it. No job is changed: each keeps the revision that it was set up with."""
        base = self.job.base_revision
        stays = f"It stays on {base}, with which it was set up"
        if self.job.state in NOT_STARTED and self.effect is Effect.STALE:
            return f"{stays}; what it makes will be stale. Cancel it, and set it up again on the newer revision."
        if self.effect is Effect.STALE:
            return f"{stays}; what it makes will be stale, and can be retrained here."
        return f"{stays}."


@dataclass(frozen=True)
class Touched:
    """Everything that an upgrade touches; `adapter_count` counts also those that are not in the list."""

    adapters: list[TouchedAdapter] = field(default_factory=list)
    adapter_count: int = 0
    aliases: list[TouchedAlias] = field(default_factory=list)
    alias_count: int = 0
    merged: list[TouchedMergedModel] = field(default_factory=list)
    merged_count: int = 0
    jobs: list[TouchedJob] = field(default_factory=list)
    job_count: int = 0


def touched_by(access: Access, older: Sequence[OlderRevision], *, limit: int) -> Touched:
    """What lies on the older revisions, of each kind at most `limit`."""
    effects = {item.revision.pk: item.effect for item in older}
    revisions = [item.revision for item in older]
    adapters, adapter_count = _adapters(access, revisions, limit)
    aliases = Alias.objects.filter(adapter__workspace=access.workspace, version__base_revision__in=revisions)
    aliases = aliases.select_related("adapter", "version__adapter", "version__base_revision__base_model")
    aliases = aliases.defer("version__manifest").order_by("adapter__name", "name")
    merged = merged_models_in(access).filter(
        version__base_revision__in=revisions, base_revision__in=revisions, state=TaskState.SUCCEEDED
    )
    jobs = jobs_of(access).filter(base_revision__in=revisions, state__in=OPEN_STATES)
    return Touched(
        adapters=adapters,
        adapter_count=adapter_count,
        aliases=[TouchedAlias(alias, effects[alias.version.base_revision_id]) for alias in aliases[:limit]],
        alias_count=aliases.count(),
        merged=[
            TouchedMergedModel(one, effects[one.version.base_revision_id])
            for one in merged.defer("files", "version__manifest")[:limit]
        ],
        merged_count=merged.count(),
        jobs=[TouchedJob(job, effects[job.base_revision_id]) for job in jobs[:limit]],
        job_count=jobs.count(),
    )


def _adapters(access: Access, revisions: list[BaseRevision], limit: int) -> tuple[list[TouchedAdapter], int]:
    """The first adapters by name, and how many there are. Only those that are shown are counted one by one."""
    made = AdapterVersion.objects.filter(base_revision__in=revisions)
    adapters = Adapter.objects.filter(workspace=access.workspace, pk__in=made.values("adapter")).order_by("name")
    counted = (
        made.filter(adapter__in=list(adapters[:limit]))
        .values_list("adapter__name")
        .annotate(
            versions=Count("pk"),
            stale=Count("pk", filter=Q(status=VersionStatus.STALE)),
            superseded=Count("pk", filter=Q(status=VersionStatus.SUPERSEDED)),
            flagged=Count("pk", filter=~Q(flag="")),
        )
        .order_by("adapter__name")
    )
    return [TouchedAdapter(*row) for row in counted], adapters.count()
