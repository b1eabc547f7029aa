"""Delete a dataset version, or a dataset with all its versions, as long as nothing depends on it.

The bytes stay in the storage: it is content-addressed, so other versions, workspaces, logs and adapters may name the
same blobs. What nobody names any more is for a collection of garbage, not for this.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import ProtectedError

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.dependants import dependants_of
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.errors import UserError

NAMED_AT_ONCE = 5


def delete_version(access: Access, version: DatasetVersion) -> None:
    """Delete a version that the caller has reached, and its dataset when it was the only one.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=version.dataset_id)
        _refuse_if_used(str(version), [version])
        _delete(version)
        if not dataset.versions.exists():
            dataset.delete()


def delete_dataset(access: Access, dataset: Dataset) -> None:
    """Delete a dataset that the caller has reached, with all its versions.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        _refuse_if_used(dataset.name, _versions(dataset))
        _delete(dataset)


def uses_of(dataset: Dataset, version: DatasetVersion | None) -> list[str]:
    """What depends on the version, or on any version of the dataset, in words."""
    return dependants_of([version] if version else _versions(dataset))


def in_use_error(what: str, users: Sequence[str]) -> UserError:
    """The refusal, which names the first few and gives all as details."""
    named = ", ".join(users[:NAMED_AT_ONCE])
    more = f" and {len(users) - NAMED_AT_ONCE:,} more" if len(users) > NAMED_AT_ONCE else ""
    verb = "depends" if len(users) == 1 else "depend"
    return UserError(
        "in_use",
        f"{what} cannot be deleted: {named}{more} {verb} on it. They say what they were trained on.",
        status=409,
        details=[{"used_by": user} for user in users],
    )


def _versions(dataset: Dataset) -> list[DatasetVersion]:
    return list(dataset.versions.select_related("dataset").defer("bad_rows", "first_rows"))


def _refuse_if_used(what: str, versions: Sequence[DatasetVersion]) -> None:
    users = dependants_of(versions)
    if users:
        raise in_use_error(what, users)


def _delete(row: Dataset | DatasetVersion) -> None:
    try:
        row.delete()
    except ProtectedError as error:  # a job that was made just now
        raise in_use_error(str(row), sorted(str(user) for user in error.protected_objects)) from error
