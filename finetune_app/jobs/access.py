"""The only ways to reach jobs: those of the caller's workspace."""

from django.db.models import QuerySet

from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import WITHOUT_RESULT


def jobs_of(access: Access) -> QuerySet[Job]:
    """The workspace's jobs, newest first, with everything that a row of a list names."""
    return (
        Job.objects.filter(workspace=access.workspace)
        .select_related(
            "workspace",
            "base_revision__base_model",
            "dataset_version__dataset",
            "adapter_version__adapter",
            "continues__adapter",
            "retrains__adapter",
            "retry_of",
            "created_by",
        )
        .order_by("-number")
    )


def get_job(access: Access, number: int) -> Job:
    """The job with this number.

    Raises:
        NotFound: the workspace has no such job.
    """
    job = jobs_of(access).filter(number=number).first()
    if job is None:
        raise NotFound("job", str(number))
    return job


def live_retraining(access: Access, adapter: str, recipe_digest: str, base: BaseRevision) -> Job | None:
    """The job that repeats this recipe on this base for the adapter's line, unless it failed or was cancelled."""
    jobs = jobs_of(access).filter(retrains__isnull=False).exclude(state__in=WITHOUT_RESULT)
    return jobs.filter(adapter_name=adapter, recipe_digest=recipe_digest, base_revision=base).first()
