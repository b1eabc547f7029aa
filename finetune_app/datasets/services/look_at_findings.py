"""Looks at what a worker found in the rows of a dataset version."""

from collections.abc import Iterable, Iterator

import msgspec

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.findings import MARK_EVERY, Finding, FindingCode, FindingsSummary
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState

_finding = msgspec.json.Decoder(Finding)
_summary = msgspec.json.Decoder(FindingsSummary)


def findings_of(version: DatasetVersion) -> DatasetTask | None:
    """The task that checks the rows, as it stands; None when nobody asked for it yet."""
    return find_task(version, TaskKind.FINDINGS)


def request_findings(access: Access, version: DatasetVersion) -> DatasetTask:
    """Ask for the check of a version that has none, or again after it failed.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    return request_task(version, TaskKind.FINDINGS, user=access.user)


def done_findings_of(version: DatasetVersion) -> DatasetTask:
    """The task that has checked the rows.

    Raises:
        UserError: `not_checked`, status 409: nobody asked, or it is not done, or it failed.
    """
    task = findings_of(version)
    if task is None or task.state != TaskState.SUCCEEDED:
        raise UserError(
            "not_checked",
            f"The rows of {version} are not checked yet. Ask for its findings, and wait until they are made.",
            status=409,
        )
    return task


def read_summary(task: DatasetTask) -> FindingsSummary:
    """The counts of a task that succeeded."""
    return _summary.decode(blobs.read(task.result["summary"]))


def read_findings(
    task: DatasetTask, summary: FindingsSummary, code: FindingCode, *, offset: int, limit: int
) -> list[Finding]:
    """A page of one code's findings by row number; reads only the part of the file where they lie."""
    found = summary.codes.get(code)
    if found is None or offset >= found.rows:
        return []
    first, last = offset // MARK_EVERY, (min(offset + limit, found.rows) - 1) // MARK_EVERY
    start = found.marks[first]
    end = found.marks[last + 1] if last + 1 < len(found.marks) else found.end
    [content] = blobs.read_spans(task.result["findings"], [(start, end)])
    skipped = offset - first * MARK_EVERY
    return [_finding.decode(line) for line in content.splitlines()[skipped : skipped + limit]]


def rows_with(task: DatasetTask, summary: FindingsSummary, codes: Iterable[FindingCode]) -> Iterator[int]:
    """The distinct rows that have at least one of the codes, in order. Memory: a byte for each row of the file."""
    spans = [(found.marks[0], found.end) for code in set(codes) if (found := summary.codes.get(code))]
    has = bytearray()
    for line in _lines(task.result["findings"], spans):
        row = _finding.decode(line).row
        if row >= len(has):
            has.extend(bytes(row + 1 - len(has)))
        has[row] = 1
    return (row for row, found in enumerate(has) if found)


def _lines(sha256: str, spans: list[tuple[int, int]]) -> Iterator[bytes]:
    """The whole lines in these parts of a blob, read a few megabytes at a time."""
    for start, end in spans:
        rest = b""
        for place in range(start, end, blobs.PART_BYTES):
            [part] = blobs.read_spans(sha256, [(place, min(place + blobs.PART_BYTES, end))])
            *lines, rest = (rest + part).split(b"\n")
            yield from lines
