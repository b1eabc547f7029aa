"""Compare two versions of a dataset: a worker does it once (`workers/dataset_tasks/diff.py`), then pages read of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune_app.accounts.models import User
from finetune_app.datasets.comparison import PAIR, PLACE, Group
from finetune_app.datasets.formats import BadRow, RowForm, TrainingRow
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.rows import RowReader
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError
from finetune_app.storage import blobs


@dataclass(frozen=True)
class ComparedRow:
    """A row as it was and as it is; one of them is None for a row that was added or removed."""

    before: TrainingRow | None
    after: TrainingRow | None


@dataclass(frozen=True)
class RowNumbers:
    """The numbers of a row in both versions."""

    before: int | None
    after: int | None


def compare_versions(
    before: DatasetVersion, after: DatasetVersion, *, user: User | None = None, try_again: bool = True
) -> DatasetTask:
    """The task that compares them; its result has `counts` of `unchanged` and of every group.

    Args:
        before: a version that the caller has reached.
        after: another one of the same dataset.
        user: who asks.
        try_again: queue it anew when it failed before.

    Raises:
        UserError: `same_version`.
    """
    if before == after:
        raise UserError("same_version", "These are the same version. Choose two different ones.", field="to")
    params = {"from": before.number, "sha256": before.sha256}
    return request_task(after, TaskKind.DIFF, params, user=user, again=try_again)


def row_numbers(task: DatasetTask, group: Group, offset: int, limit: int) -> list[RowNumbers]:
    """The numbers of a part of the group's rows, in order; the task has succeeded."""
    return [RowNumbers(_number(before), _number(after)) for before, after in _places(task, group, offset, limit)]


def compared_rows(task: DatasetTask, before_form: str, group: Group, offset: int, limit: int) -> list[ComparedRow]:
    """A part of the group's rows, in order; the task has succeeded.

    Raises:
        blobs.BlobMissing: the storage lost the rows.
    """
    places = _places(task, group, offset, limit)
    rows = task.result["rows"]
    old = _rows(rows["before"], before_form, [before for before, _ in places if before is not None])
    new = _rows(rows["after"], task.version.row_form, [after for _, after in places if after is not None])
    return [
        ComparedRow(
            next(old) if before is not None else None,
            next(new) if after is not None else None,
        )
        for before, after in places
    ]


def _places(task: DatasetTask, group: Group, offset: int, limit: int) -> list[tuple[Any, Any]]:
    record = PAIR if group is Group.CHANGED else PLACE
    end = min(offset + limit, task.result["counts"][group])
    if offset >= end:
        return []
    span = (offset * record.itemsize, end * record.itemsize)
    places = np.frombuffer(blobs.read_spans(task.result["places"][group], [span])[0], record)
    if group is Group.CHANGED:
        return [(place["before"], place["after"]) for place in places]
    return [(None, place) if group is Group.ADDED else (place, None) for place in places]


def _number(place: Any) -> int | None:
    return None if place is None else int(place["number"])


def _rows(sha256: str, form: str, places: list[Any]) -> Iterator[TrainingRow]:
    spans = [(int(place["start"]), int(place["start"]) + int(place["length"])) for place in places]
    lines = blobs.read_spans(sha256, spans)
    return iter([_row(line, form, int(place["number"])) for line, place in zip(lines, places, strict=True)])


def _row(line: bytes, form: str, number: int) -> TrainingRow:
    row = RowReader(HowToRead(RowForm(form))).from_bytes(number, line)
    if isinstance(row, BadRow):  # it was a good one when it was compared
        raise blobs.BlobDamaged(f"row {number}")
    return row
