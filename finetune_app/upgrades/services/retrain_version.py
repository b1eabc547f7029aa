"""Queue a stale version's recipe again on a newer revision of its base: asked for twice, it is the same job."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.access import find_adapter_version
from adapters.fits import difference, require_usable
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError
from finetune_app.jobs.access import live_retraining
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.states import WITHOUT_RESULT
from finetune_app.upgrades.plan import Retraining, plan_retraining

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Asked:
    """What came of asking to retrain `version`: the job, new or asked for before, or the `problem`."""

    version: AdapterVersion
    job: Job | None = None
    is_new: bool = False
    problem: UserError | None = None


def retrain_version(access: Access, version: AdapterVersion, base: BaseRevision) -> Asked:
    """Queue the version's recipe (rows, config and seed) on `base`, in the same line, with the version as ancestor.

    The same recipe on the same revision is one job, whoever asks and at the same moment too; only when that failed or
    was cancelled, there is another try.

    Raises:
        UserError: `not_allowed`; a person took the version out of use; it needs no retraining there
            (`not_an_upgrade`, `still_fits`); its recipe cannot be repeated (see `repeat.py`); or what `create_job`
            refuses.
    """
    access.require(Role.EDITOR)
    require_usable(version, field="versions")
    _require_upgrade(version, base)
    plan = plan_retraining(access, base, [version])[0]
    if plan.job and plan.job.state not in WITHOUT_RESULT:
        return Asked(version, plan.job)
    if plan.made:
        return Asked(version, getattr(plan.made, "job", None))
    if plan.problem:
        raise plan.problem
    try:
        return Asked(version, _queue(access, plan, base), is_new=True)
    except UserError as error:
        other = live_retraining(access, version.adapter.name, plan.recipe_digest, base)
        if error.code != "already_retrained" or other is None:
            raise
        return Asked(version, other)


def retrain_versions(access: Access, base: BaseRevision, references: Sequence[str]) -> list[Asked]:
    """Ask for each of the versions, `name@3` or `name@production`; one that cannot be repeated keeps no other back.

    Raises:
        UserError: `not_allowed`; `nothing_chosen`; `too_many_chosen`; a reference is malformed.
        NotFound: one of them is not there; then nothing is queued.
    """
    access.require(Role.EDITOR)
    if not references:
        raise UserError("nothing_chosen", "Choose at least one version to retrain.", field="versions")
    if len(references) > MOST_AT_ONCE:
        raise UserError("too_many_chosen", f"Ask for at most {MOST_AT_ONCE} versions at once.", field="versions")
    versions = {
        found.pk: found for found in (find_adapter_version(access, one, field="versions") for one in references)
    }
    # The oldest first: what others continue from comes before them.
    return [_ask(access, versions[pk], base) for pk in sorted(versions)]


def _ask(access: Access, version: AdapterVersion, base: BaseRevision) -> Asked:
    try:
        return retrain_version(access, version, base)
    except UserError as problem:
        return Asked(version, problem=problem)


def _require_upgrade(version: AdapterVersion, base: BaseRevision) -> None:
    trained_on = version.base_revision
    if trained_on.base_model_id != base.base_model_id or trained_on.number >= base.number:
        raise UserError(
            "not_an_upgrade",
            f"{base} is not a newer revision of {trained_on}, which {version} was trained on. Set up a new job.",
            field="versions",
        )
    if not difference(trained_on, base).is_hard:
        raise UserError(
            "still_fits", f"{version} fits {base} as it is: there is nothing to retrain.", field="versions", status=409
        )


def _queue(access: Access, plan: Retraining, base: BaseRevision) -> Job:
    recipe = plan.recipe
    if recipe is None:
        raise TypeError(f"{plan.version} has no recipe")
    return create_job(
        access,
        adapter=plan.version.adapter.name,
        dataset=str(recipe.dataset),
        base_model=str(base),
        config=recipe.config.model_dump(mode="json"),
        continues=str(recipe.continues) if recipe.continues else "",
        gpus=recipe.gpus,
        retrains=plan.version,
        recipe=plan.recipe_digest,
    )
