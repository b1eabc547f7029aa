"""What holds a dataset version: jobs that train on it, and adapter versions whose lineage names it."""

from collections.abc import Sequence

from adapters.models import AdapterVersion
from finetune_app.datasets.models import DatasetVersion
from finetune_app.jobs.models import Job


def jobs_on(versions: Sequence[DatasetVersion]) -> list[str]:
    """The jobs, whatever their state: their page tells what they trained on."""
    return [str(job) for job in Job.objects.filter(dataset_version__in=versions).order_by("number")]


def adapters_from(versions: Sequence[DatasetVersion]) -> list[str]:
    """The adapter versions. Their manifest names the dataset, also when their job is not there any more."""
    if not versions:
        return []
    dataset = versions[0].dataset
    found = (
        AdapterVersion.objects.filter(
            adapter__workspace=dataset.workspace_id,
            manifest__lineage__dataset=dataset.name,
            manifest__lineage__dataset_sha256__in=[version.sha256 for version in versions],
        )
        .select_related("adapter")
        .only("number", "adapter__name")
        .order_by("adapter__name", "number")
    )
    return [f"adapter {version}" for version in found]
