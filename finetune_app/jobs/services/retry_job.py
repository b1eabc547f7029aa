"""Try an ended job again, from the start or from its last checkpoint, as it was or with changed options."""

from collections.abc import Mapping
from typing import Any

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.going_on import OTHERWISE, refused_changes
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.models import Checkpoint, Job
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.priorities import priority_of
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.states import WITHOUT_RESULT, JobState

MORE = ("max_steps", "num_train_epochs")


def retry_job(access: Access, job: Job, changes: Mapping[str, Any], *, from_checkpoint: bool) -> Job:
    """Queue a new job like `job`, with `changes` to its config.

    Args:
        access: who asks, and where.
        job: it has ended, in whatever way.
        changes: options of `TrainingConfig` that are to be other than they were.
        from_checkpoint: go on from the job's last checkpoint instead of starting from the beginning.

    Raises:
        UserError: `not_allowed`; `not_ended`; `no_checkpoint`; or what `create_job` refuses.
        InvalidFields: options cannot change in a run that goes on, a sentence for each `config.<option>`.
    """
    access.require(Role.EDITOR)
    if job.is_open:
        raise UserError("not_ended", f"Job {job.number} is {job.state}; only an ended job is tried again.", status=409)
    checkpoint = last_checkpoint(job) if from_checkpoint else None
    if from_checkpoint and checkpoint is None:
        raise UserError(
            "no_checkpoint",
            f"Job {job.number} has no checkpoint to go on from. Start it from the beginning.",
            field="from_checkpoint",
            status=409,
        )
    config = {**job.config, **changes}
    if checkpoint:
        _check_changes(job, config, checkpoint.step)
    return create_job(
        access,
        adapter=job.adapter_name,
        dataset=str(job.dataset_version),
        base_model=str(job.base_revision),
        config=config,
        continues=str(job.continues) if job.continues else "",
        gpus=job.gpus,
        priority=priority_of(job.priority),
        retry_of=job,
        starts_at=checkpoint,
        # Another try of a retraining is one as well; one that ended well has made its version.
        retrains=job.retrains if job.state in WITHOUT_RESULT else None,
        recipe=job.recipe_digest if not changes else "",
    )


def require_same_target(job: Job, target: Mapping[str, Any]) -> None:
    """What a form says of adapter, dataset and so on must be the job's own: its checkpoint fits nothing else.

    Raises:
        InvalidFields: a sentence for each field that differs.
    """
    was = {
        "adapter": job.adapter_name,
        "dataset": str(job.dataset_version),
        "base_model": str(job.base_revision),
        "continues": str(job.continues) if job.continues else "",
        "gpus": job.gpus,
    }
    refused = {
        field: f"A job that goes on from a checkpoint keeps “{value}”. {OTHERWISE}"
        for field, value in was.items()
        if target.get(field, "") != value
    }
    if refused:
        raise InvalidFields(refused)


def last_checkpoint(job: Job) -> Checkpoint | None:
    """The newest that the job kept; the one that it was begun at when it kept none."""
    return Checkpoint.objects.filter(job=job).order_by("-step").first() or job.starts_at


def _check_changes(job: Job, config: Mapping[str, Any], step: int) -> None:
    before, now = load_config(job.config), parse_config(config)
    refused = refused_changes(before, now, step)
    if job.state == JobState.SUCCEEDED and all(getattr(before, name) == getattr(now, name) for name in MORE):
        refused.setdefault("max_steps", f"The job has trained all its {step} steps: ask for more of them.")
    if refused:
        raise InvalidFields({f"config.{name}": sentence for name, sentence in refused.items()})
