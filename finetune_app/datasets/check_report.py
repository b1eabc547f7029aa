"""What a check finds: the report of files that can be a version, or the refusal of those that cannot. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_app.datasets.file_kinds import HOW, guess_at, refusal
from finetune_app.datasets.preview import bad_row_details
from finetune_app.datasets.row_types import FileFormat, RowForm
from finetune_app.datasets.tally import BAD_ROWS_KEPT, BAD_ROWS_SHOWN, Tally
from finetune_app.errors import UserError


@dataclass(frozen=True)
class CheckReport:
    """Files that can be a dataset version: `tally.rows` good rows (at least one) and `tally.bad_count` bad ones.

    `sha256` and `size` are those of the file to store; `read_from` names each file that came in and what it was.
    """

    file_format: FileFormat
    row_form: RowForm
    sha256: str
    size: int
    tally: Tally
    read_from: list[dict[str, str]]


@dataclass(frozen=True)
class Checked:
    """The report, and the file to store: `path` is None where the one that came in is already in the stored shape."""

    report: CheckReport
    path: Path | None


def form_or_refuse(form: RowForm | None, tally: Tally, head: bytes) -> RowForm:
    """The form of files that have a good row.

    Raises:
        UserError: they have none: `not_json`, `no_rows` or `no_good_rows`.
    """
    if form is not None and tally.rows:
        return form
    refuse_without_json(tally, head)
    if not tally.bad_rows:
        raise refusal("no_rows", "The file has no rows.")
    first = tally.bad_rows[0]
    details = bad_row_details(tally.bad_rows[:BAD_ROWS_SHOWN])
    details[0]["keys"] = list(first.keys)
    raise UserError(
        "no_good_rows",
        f"None of the {tally.bad_count:,} rows can be trained on. Row {first.number}: {first.reason}",
        field="file",
        details=details,
    )


def refuse_without_json(tally: Tally, head: bytes) -> None:
    """Refuse a file of which no line so far is JSON.

    Raises:
        UserError: `not_json`.
    """
    if tally.rows or not tally.bad_rows or any(row.code != "not_json" for row in tally.bad_rows):
        return
    guess = guess_at(head.partition(b"\n")[0])
    parts = ["No line of the file is JSON.", tally.bad_rows[0].reason, guess, HOW]
    raise refusal("not_json", " ".join(filter(None, parts)))


def refuse_columns(columns: Sequence[str]) -> None:
    """Refuse a table with these columns, in which nobody recognises a form.

    Raises:
        UserError: `no_good_rows`, whose first detail has the columns as `keys`.
    """
    shown = ", ".join(f"“{column}”" for column in columns)
    reason = f"The table has the columns {shown}; say which of them is what."
    raise UserError(
        "no_good_rows",
        f"The columns of the table make no row that Graft knows. {reason}",
        field="file",
        details=[{"row": 1, "reason": reason, "text": "", "keys": list(columns)}],
    )


def refuse_bad_rows(tally: Tally, *, leave_out: bool) -> None:
    """Refuse files with bad rows that the person did not choose to leave out, or that are too many.

    Raises:
        UserError: `bad_rows`.
    """
    if leave_out and tally.bad_count <= BAD_ROWS_KEPT:
        return
    total = tally.rows + tally.bad_count
    if leave_out:
        message = (
            f"{tally.bad_count:,} of {total:,} rows are bad; no more than {BAD_ROWS_KEPT:,} can be left out. "
            "Mend the file and upload it again."
        )
    else:
        shown = f" The first {BAD_ROWS_SHOWN} are listed." if tally.bad_count > BAD_ROWS_SHOWN else ""
        message = (
            f"{tally.bad_count:,} of {total:,} rows cannot be trained on, so nothing was saved.{shown} "
            "Mend them, or choose to leave bad rows out."
        )
    details = bad_row_details(tally.bad_rows[:BAD_ROWS_SHOWN])
    raise UserError("bad_rows", message, field="file", details=details)
