"""The only ways to reach datasets: each takes the `Access` of the person who asks."""

from django.db.models import Exists, OuterRef, QuerySet

from finetune_app.accounts.access import Access
from finetune_app.datasets.models import Dataset, DatasetTask, DatasetVersion
from finetune_app.errors import NotFound
from finetune_app.names import split_reference


def datasets_of(access: Access) -> QuerySet[Dataset]:
    """The workspace's datasets."""
    return Dataset.objects.filter(workspace=access.workspace)


def newest_versions_of(access: Access) -> QuerySet[DatasetVersion]:
    """The newest version of each dataset in the workspace, the last uploaded first; without the rows kept beside it."""
    newer = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    return (
        DatasetVersion.objects.filter(dataset__workspace=access.workspace)
        .filter(~Exists(newer))
        .select_related("dataset")
        .defer("bad_rows", "first_rows")
        .order_by("-created_at", "-id")
    )


def get_dataset(access: Access, name: str) -> Dataset:
    """The dataset `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = datasets_of(access).filter(name=name).first()
    if found is None:
        raise NotFound("dataset", name)
    return found


def versions_of(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """The versions of a dataset that the caller has reached, the newest first; uploaders come along."""
    return dataset.versions.select_related("dataset", "created_by").order_by("-number")


def get_version(access: Access, name: str, number: int) -> DatasetVersion:
    """Version `number` of the dataset `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = versions_of(get_dataset(access, name)).filter(number=number).first()
    if found is None:
        raise NotFound("dataset version", f"{name}@{number}")
    return found


def find_version(access: Access, reference: str, *, field: str = "dataset") -> DatasetVersion:
    """The version that `name` (the newest) or `name@2` means; errors stand beside `field`.

    Raises:
        UserError: `invalid_reference`.
        NotFound: there is none in this workspace.
    """
    name, number = split_reference(reference, field=field)
    dataset = datasets_of(access).filter(name=name).first()
    if dataset is None:
        raise NotFound("dataset", name, field=field, status=422)
    versions = versions_of(dataset)
    found = (versions if number is None else versions.filter(number=number)).first()
    if found is None:
        raise NotFound("dataset version", reference, field=field, status=422)
    return found


def get_task(version: DatasetVersion, pk: int) -> DatasetTask:
    """One of the tasks on a version that the caller has reached.

    Raises:
        NotFound: the version has no such task.
    """
    found = version.tasks.select_related("version__dataset__workspace", "created_by").filter(pk=pk).first()
    if found is None:
        raise NotFound("task", str(pk))
    return found
