"""Writes the row of a dataset version whose file is checked and in the storage."""

from typing import Any

from django.db import transaction
from django.db.models import Max

from finetune_app.accounts.models import User, Workspace
from finetune_app.datasets.checking import CheckReport
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.datasets.preview import bad_row_details
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind

# What is made of each new version without being asked.
FOR_EVERY_VERSION: tuple[TaskKind, ...] = (TaskKind.INDEX, TaskKind.FINDINGS)


def keep_version(
    workspace: Workspace,
    *,
    name: str,
    file_name: str,
    report: CheckReport,
    user: User | None,
    origin: dict[str, Any] | None = None,
) -> tuple[DatasetVersion, bool]:
    """The version of the dataset `name` that `report` describes, and whether it was made now.

    The same bytes in the same dataset are the same version. The lock on the dataset lets one at a time take the next
    number.

    Args:
        workspace: who owns it.
        name: the dataset, made when it is new.
        file_name: of the file that was checked.
        report: the check's.
        user: on whose behalf.
        origin: how it was made, when it was not simply uploaded.
    """
    with transaction.atomic():
        Dataset.objects.get_or_create(workspace=workspace, name=name)
        dataset = Dataset.objects.select_for_update().get(workspace=workspace, name=name)
        same = dataset.versions.filter(sha256=report.sha256).first()
        if same is not None:
            return same, False
        newest = dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
        dataset.last_number = max(newest, dataset.last_number) + 1
        dataset.save(update_fields=["last_number"])
        tally = report.tally
        version = dataset.versions.create(
            number=dataset.last_number,
            sha256=report.sha256,
            size=report.size,
            file_name=file_name[-255:],
            file_format=report.file_format,
            row_form=report.row_form,
            rows=tally.rows,
            train_rows=tally.train_rows,
            held_out_rows=tally.held_out_rows,
            bad_rows=bad_row_details(tally.bad_rows),
            first_rows=tally.first_rows,
            origin=origin or {},
            created_by=user,
        )
        for kind in FOR_EVERY_VERSION:
            request_task(version, kind, user=user)
    return version, True
