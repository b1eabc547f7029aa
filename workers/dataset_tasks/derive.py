"""The task that makes a new version out of the rows of others; `finetune_app/datasets/derivation.py` has the steps."""

from pathlib import Path
from typing import Any

from django.db import transaction

from finetune_app.datasets.derivation import DeriveParams, Parent
from finetune_app.datasets.import_source import sources_in
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.keep_version import keep_version
from finetune_app.errors import UserError
from finetune_app.names import split_reference
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.dataset_tasks.place_rows import place_rows
from workers.dataset_tasks.report_files import read_report
from workers.row_deriver.order import DROP_NAME, ORDER_NAME, RESULT_NAME, DeriveOrder
from workers.task_program import TaskProgram

LONGEST_LIST_BYTES = 256 * 1024 * 1024


def prepare(task: DatasetTask, folder: Path) -> None:
    """Place the parents' rows and the order.

    Raises:
        UserError: a parent was deleted since, or the list of rows to drop is none.
    """
    params = DeriveParams.model_validate(task.params)
    versions = [_parent(task, parent) for parent in params.parents]
    for place, version in enumerate(versions):
        (folder / str(place)).mkdir()
        place_rows(version, folder / str(place))
    drop = params.steps.drop_rows
    if drop and drop.sha256:
        _place_numbers(drop.sha256, folder / DROP_NAME)
    order = DeriveOrder(
        parents=[parent.reference for parent in params.parents],
        total=sum(version.rows for version in versions),
        steps=params.steps,
    )
    (folder / ORDER_NAME).write_text(order.model_dump_json())


def keep(task: DatasetTask, folder: Path, facts: dict[str, Any]) -> None:
    """Keep the rows, which the child has checked, as a version.

    Raises:
        UserError: `no_rows_left`.
        WorkOver: somebody else took the task, or its version was deleted; no version is made.
    """
    params = DeriveParams.model_validate(task.params)
    if not facts["rows"]:
        raise UserError("no_rows_left", _no_rows(facts))
    report = read_report(folder)
    blobs.put_file(folder / RESULT_NAME, sha256=report.sha256)
    counts = facts | {"train_rows": report.tally.train_rows, "held_out_rows": report.tally.held_out_rows}
    with transaction.atomic():
        run_task.hold(task)
        version, is_new = keep_version(
            task.version.dataset.workspace,
            name=params.into,
            file_name=f"{params.into}.jsonl",
            report=report,
            user=task.created_by,
            origin=_origin(task, params, counts),
        )
        result = {"dataset": version.dataset.name, "version": version.number, "sha256": version.sha256}
        run_task.succeed(task, result | {"is_new": is_new, "counts": counts})


def _origin(task: DatasetTask, params: DeriveParams, counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "derived",
        "parents": [parent.reference for parent in params.parents],
        "parents_sha256": [parent.sha256 for parent in params.parents],
        "steps": params.steps.as_json(),
        "counts": counts,
        "sources": _sources(task, params),
    }


def _sources(task: DatasetTask, params: DeriveParams) -> list[dict[str, Any]]:
    """Where the parents' rows were fetched from, each source once; a parent that was just deleted cannot tell."""
    sha256s = [parent.sha256 for parent in params.parents]
    versions = DatasetVersion.objects.filter(dataset__workspace=task.version.dataset.workspace, sha256__in=sha256s)
    found = [source for version in versions.order_by("id") for source in sources_in(version.origin)]
    return [source for number, source in enumerate(found) if source not in found[:number]]


def _parent(task: DatasetTask, parent: Parent) -> DatasetVersion:
    name, number = split_reference(parent.reference, field="also")
    workspace = task.version.dataset.workspace
    found = DatasetVersion.objects.filter(
        dataset__workspace=workspace, dataset__name=name, number=number or 0, sha256=parent.sha256
    ).first()
    if found is None:
        raise UserError("parent_deleted", f"{parent.reference} was deleted in the meantime. Choose other rows.")
    return found


def _place_numbers(sha256: str, path: Path) -> None:
    """The list of row numbers, looked at here so that a wrong one is told as such."""
    wrong = UserError("invalid_drop_rows", "The list of rows to drop is not one row number on each line.")
    if not blobs.exists(sha256) or blobs.size(sha256) > LONGEST_LIST_BYTES:
        raise wrong
    blobs.place(sha256, path)
    with path.open("rb") as file:
        if not all(line.strip().isdigit() or line.isspace() for line in file):
            raise wrong


def _no_rows(facts: dict[str, Any]) -> str:
    dropped = [f"“{step}” dropped {rows:,}" for step, rows in facts["dropped"].items() if rows]
    read = sum(parent["rows"] for parent in facts["read"])
    return f"No row is left of {read:,}: {', '.join(dropped)}. Loosen the steps."


DERIVE = TaskProgram(module="workers.row_deriver", prepare=prepare, keep=keep)
