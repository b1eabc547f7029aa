"""The retraining that an upgrade asks for: each stale version, what it would repeat, and how far that is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from adapters.access import adapter_versions_of
from adapters.manifest import Lineage
from adapters.models import AdapterVersion, Alias, BaseRevision
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.errors import UserError
from finetune_app.jobs.access import jobs_of
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import WITHOUT_RESULT
from finetune_app.upgrades.older import OlderRevision
from finetune_app.upgrades.repeat import Recipe, Recipes

NOT_ASKED = "not_asked"
DONE = "done"


@dataclass(frozen=True)
class Retraining:
    """One version of an older revision: `recipe` or the `problem` why it cannot be repeated, and what was done."""

    version: AdapterVersion
    lineage: Lineage
    recipe_digest: str
    recipe: Recipe | None
    problem: UserError | None
    aliases: list[str]
    is_newest: bool
    job: Job | None
    made: AdapterVersion | None

    @property
    def state(self) -> str:
        """`not_asked`, the state of the job that retrains it, or `done`."""
        if self.made:
            return DONE
        return str(self.job.state) if self.job else NOT_ASKED

    @property
    def may_ask(self) -> bool:
        """Whether asking would queue a job: it can be repeated, and no job does so or has done so."""
        if self.recipe is None or self.made or self.version.status != VersionStatus.STALE:
            return False
        return self.job is None or self.job.state in WITHOUT_RESULT

    @property
    def is_chosen(self) -> bool:
        """Whether it is chosen unless a person says otherwise: what is used or comes last in its line."""
        return self.may_ask and self.job is None and (self.is_newest or bool(self.aliases))


def asked_for(base: BaseRevision, older: Sequence[OlderRevision]) -> QuerySet[AdapterVersion, int]:
    """The versions that the upgrade to `base` asks to retrain, or that were: by adapter, the newest first.

    As their primary keys, so that not all manifests are sorted to show a page of them; see `load_versions`.
    """
    unfit = [item.revision for item in older if item.difference.is_hard]
    retrained = AdapterVersion.objects.filter(base_revision=base, retrains__isnull=False).values("retrains")
    asked = Job.objects.filter(base_revision=base, retrains__isnull=False).values("retrains")
    wanted = Q(status=VersionStatus.STALE) | Q(status=VersionStatus.SUPERSEDED) & (
        Q(pk__in=retrained) | Q(pk__in=asked)
    )
    versions = AdapterVersion.objects.filter(wanted, base_revision__in=unfit)
    return versions.order_by("adapter__name", "-number").values_list("pk", flat=True)


def load_versions(access: Access, keys: Iterable[int]) -> list[AdapterVersion]:
    """The versions with these primary keys, in their order, with what `plan_retraining` wants of them."""
    listed = list(keys)
    found = {one.pk: one for one in adapter_versions_of(access).select_related("job").filter(pk__in=listed)}
    return [found[pk] for pk in listed if pk in found]


def plan_retraining(access: Access, base: BaseRevision, versions: Sequence[AdapterVersion]) -> list[Retraining]:
    """What retraining each of the versions on `base` means; a fixed number of queries."""
    recipes = Recipes(access, base, versions)
    digests = {version.pk: recipes.digest(version) for version in versions}
    aliases: dict[int, list[str]] = {}
    for version_id, name in Alias.objects.filter(version__in=versions).order_by("name").values_list("version", "name"):
        aliases.setdefault(version_id, []).append(name)
    made = {
        one.retrains_id: one
        for one in adapter_versions_of(access).defer("manifest").filter(retrains__in=versions, base_revision=base)
    }
    jobs = _jobs(access, base, versions, digests)
    found = []
    for version in versions:
        recipe, problem = _recipe(recipes, version)
        job = jobs.get(version.pk)
        found.append(
            Retraining(
                version=version,
                lineage=recipes.lineage(version),
                recipe_digest=digests[version.pk],
                recipe=recipe,
                problem=problem,
                aliases=aliases.get(version.pk, []),
                is_newest=version.adapter.newest_id == version.pk,
                job=job,
                made=made.get(version.pk) or (job.adapter_version if job else None),
            )
        )
    return found


def _recipe(recipes: Recipes, version: AdapterVersion) -> tuple[Recipe | None, UserError | None]:
    try:
        return recipes.recipe(version), None
    except UserError as problem:
        return None, problem


def _jobs(
    access: Access, base: BaseRevision, versions: Sequence[AdapterVersion], digests: dict[int, str]
) -> dict[int, Job]:
    """The job that counts for each version: one that made or may make something before one that failed, then the last.

    A twin, the same recipe run twice in one line, is retrained by the same job.
    """
    known = set(digests.values()) - {""}
    jobs = jobs_of(access).filter(retrains__isnull=False, base_revision=base)
    found: dict[int, Job] = {}
    for job in jobs.filter(Q(retrains__in=versions) | Q(recipe_digest__in=known)).order_by("number"):
        twins = [
            version.pk
            for version in versions
            if version.pk == job.retrains_id
            or (version.adapter.name, digests[version.pk]) == (job.adapter_name, job.recipe_digest)
        ]
        for pk in twins:
            before = found.get(pk)
            if before is None or before.state in WITHOUT_RESULT or job.state not in WITHOUT_RESULT:
                found[pk] = job
    return found
