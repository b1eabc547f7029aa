"""Leave out the rows that have chosen findings: a new version without them, and the sum that people see before."""

from collections.abc import Iterable
from dataclasses import dataclass

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.derivation import Derivation, DropRows
from finetune_app.datasets.findings import CODES, FindingCode, FindingsSummary
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.derive_version import derive_version, store_row_numbers
from finetune_app.datasets.services.look_at_findings import done_findings_of, read_summary, rows_with
from finetune_app.errors import UserError


@dataclass(frozen=True)
class DropSum:
    """What dropping would do: `now` rows less `dropped` ones; rows with several of the codes count once.

    `reasons` counts the rows of each code, so together they may be more than `dropped`.
    """

    now: int
    dropped: int
    reasons: dict[FindingCode, int]

    @property
    def then(self) -> int:
        """How many rows the new version has."""
        return self.now - self.dropped

    @property
    def counted_twice(self) -> int:
        """By how much the reasons are more than the rows."""
        return sum(self.reasons.values()) - self.dropped


def sum_up(summary: FindingsSummary, codes: Iterable[str]) -> DropSum:
    """The sum for these codes.

    Raises:
        UserError: `unknown_code`, `nothing_to_drop` or `no_rows_left`, beside `codes`.
    """
    chosen = _known(codes)
    reasons = {code: summary.codes[code].rows for code in CODES if code in chosen and code in summary.codes}
    total = DropSum(summary.rows, summary.rows_with(chosen), reasons)
    if not total.dropped:
        raise UserError("nothing_to_drop", "Choose “drop” for at least one kind of findings.", field="codes")
    if not total.then:
        raise UserError("no_rows_left", "This would drop every row. Keep at least one kind of findings.", field="codes")
    return total


def drop_rows(access: Access, version: DatasetVersion, codes: Iterable[str]) -> tuple[DatasetTask, DropSum]:
    """Ask for the version without the rows that have one of the codes: the task that makes it, and the sum.

    Asking again gives the same task.

    Raises:
        UserError: `not_allowed`, `not_checked`, or one of `sum_up`.
    """
    access.require(Role.EDITOR)
    task = done_findings_of(version)
    summary = read_summary(task)
    total = sum_up(summary, codes)
    reasons = {code.value: rows for code, rows in total.reasons.items()}
    step = DropRows(sha256=store_row_numbers(rows_with(task, summary, total.reasons)), reasons=reasons)
    return derive_version(access, version, Derivation(drop_rows=step)), total


def _known(codes: Iterable[str]) -> frozenset[FindingCode]:
    try:
        return frozenset(map(FindingCode, codes))
    except ValueError:
        raise UserError("unknown_code", f"A code is one of {', '.join(CODES)}.", field="codes") from None
