"""What was found in the rows of a dataset version over REST, and a new version without those rows."""

from typing import Any, Self

from ninja import Field, Router, Schema
from ninja.responses import Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import get_version
from finetune_app.datasets.findings import CODES, KINDS, Finding, FindingCode, FindingsSummary, Severity
from finetune_app.datasets.services.drop_rows import drop_rows
from finetune_app.datasets.services.look_at_findings import (
    done_findings_of,
    findings_of,
    read_findings,
    read_summary,
    request_findings,
)
from finetune_app.datasets.task_schema import Again, DatasetTaskOut
from finetune_app.web.schemas import ErrorOut, Limit, Offset
from finetune_app.work.states import TaskState

router = Router()
FINDINGS = "/{name}/versions/{int:number}/findings"


class CodeOut(Schema):
    """What one check found."""

    code: FindingCode
    severity: Severity
    title: str
    text: str = Field(description="Why it matters and what to do.")
    rows: int = Field(description="Rows that would be dropped.")
    groups: int = Field(description="For `leak` and the duplicates: how many rows stay for them. Else 0.")


class FindingsOut(Schema):
    """What was found in a version."""

    rows: int = Field(description="Good rows of the version, all of them checked.")
    rows_found: int = Field(description="How many of them have at least one finding.")
    has_splits: bool = Field(description="Whether rows name both splits, so that `leak` was looked for.")
    codes: list[CodeOut] = Field(description="Every check, also those that found nothing.")

    @classmethod
    def of(cls, summary: FindingsSummary) -> Self:
        """The summary as JSON."""
        return cls(
            rows=summary.rows,
            rows_found=summary.rows_with(frozenset(CODES)),
            has_splits=summary.has_splits,
            codes=[
                CodeOut(
                    code=kind.code,
                    severity=kind.severity,
                    title=kind.title,
                    text=kind.text,
                    rows=found.rows if (found := summary.codes.get(kind.code)) else 0,
                    groups=found.groups if found else 0,
                )
                for kind in KINDS.values()
            ],
        )


class FindingOut(Schema):
    """One row that a check found. Secrets are masked in all texts."""

    row: int = Field(description="The row that would be dropped, numbered as in the file.")
    detail: str
    other: int | None = Field(description="The row that stays instead, for `leak` and the duplicates.")
    text: str | None = Field(description="The spot in the row; of the first 100 findings of each code.")
    other_text: str | None = Field(description="The same of the other row.")

    @classmethod
    def of(cls, found: Finding) -> Self:
        """The finding as JSON."""
        return cls(
            row=found.row,
            detail=found.detail,
            other=found.other,
            text=found.text or None,
            other_text=found.other_text or None,
        )


class CodeFindingsOut(Schema):
    """A page of one code's findings."""

    items: list[FindingOut]
    count: int = Field(description="Of all findings of this code.")


class DropIn(Schema):
    """What to leave out."""

    codes: list[str] = Field(description="Rows with at least one of these findings are dropped.")


class DropOut(Schema):
    """The work on the new version."""

    dropped: int = Field(description="Rows that are left out; a row with several of the codes counts once.")
    task: DatasetTaskOut = Field(
        description="Once it succeeded its result names the new version: `dataset` and `version`; see it at "
        "`/datasets/{dataset}/versions/{version}`."
    )


@router.get(
    FINDINGS,
    response={200: FindingsOut, 202: DatasetTaskOut, 403: ErrorOut, 404: ErrorOut},
    summary="Findings of a version",
)
def findings(request: ApiRequest, name: str, number: int, *, again: Again = False) -> Status[Any]:
    """What is doubtful about which rows: 200. While a worker looks for it, and when it failed, the task: 202.

    Every new version is checked once without being asked; an older one when an editor calls this.
    """
    version = get_version(request.auth, name, number)
    task = findings_of(version)
    if task is None or (again and task.state == TaskState.FAILED):
        task = request_findings(request.auth, version)
    if task.state != TaskState.SUCCEEDED:
        return Status(202, DatasetTaskOut.of(task, request))
    return Status(200, FindingsOut.of(read_summary(task)))


@router.post(  # before the codes, which would take “drop” for one
    f"{FINDINGS}/drop",
    response={202: DropOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    summary="A version without some findings",
)
def drop(request: ApiRequest, name: str, number: int, body: DropIn) -> Status[DropOut]:
    """Queue the next version of the dataset without the rows that have one of the codes. Nothing else changes."""
    version = get_version(request.auth, name, number)
    task, total = drop_rows(request.auth, version, body.codes)
    return Status(202, DropOut(dropped=total.dropped, task=DatasetTaskOut.of(task, request)))


@router.get(
    f"{FINDINGS}/{{code}}",
    response={200: CodeFindingsOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    summary="Findings of one code",
)
def code_findings(
    request: ApiRequest, *, name: str, number: int, code: FindingCode, limit: Limit = 50, offset: Offset = 0
) -> CodeFindingsOut:
    """The rows that one check found, by their number. 409 `not_checked` until the findings are made."""
    task = done_findings_of(get_version(request.auth, name, number))
    summary = read_summary(task)
    found = read_findings(task, summary, code, offset=offset, limit=limit)
    count = summary.codes[code].rows if code in summary.codes else 0
    return CodeFindingsOut(items=[FindingOut.of(each) for each in found], count=count)
