"""The whole check of a version: three passes over its rows, and a comparison between them."""

from array import array
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from finetune_app.datasets.findings import Finding, FindingCode, FindingsSummary
from finetune_app.datasets.row_types import TrainingRow
from finetune_app.jobs.states import Phase
from workers.child import log
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.findings.book import TEXTS, Book
from workers.findings.encoding import broken_text, control_characters
from workers.findings.excerpts import around, beginning, outline, side_by_side
from workers.findings.lengths import LengthRule
from workers.findings.roles import empty_turn, roles_out_of_order
from workers.findings.row_text import RowText
from workers.findings.same_rows import SameRowFinder, SameRows
from workers.findings.secrets import secrets_in
from workers.findings.shingles import SAMPLED_ROWS, CommonShingles
from workers.findings.spot import Spot
from workers.progress import Progress

COUNT_NAME = "count.json"
TELL_EVERY = 500  # rows
# How much of the time each stage takes, about (benchmarks/find_duplicates.py); the progress counts rows all the same.
MEASURE, CHECK, COMPARE = 0.03, 0.93, 0.04


class Count(BaseModel):
    """How many good rows the version has, for the progress."""

    rows: int


def check_rows(folder: Path) -> FindingsSummary:
    """Check the rows in the run folder and leave the findings and their summary there."""
    rows = Count.model_validate_json((folder / COUNT_NAME).read_text()).rows
    return _Check(folder, RowsSpec.load(folder), Progress(Phase.READING, max(rows, 1))).run()


@dataclass
class _Check:
    folder: Path
    spec: RowsSpec
    progress: Progress
    lengths: LengthRule = field(default_factory=LengthRule)
    common: CommonShingles = field(default_factory=CommonShingles)

    def run(self) -> FindingsSummary:
        """All stages in order."""
        self._measure()
        book = Book(self.folder)
        same = SameRowFinder(self.folder, self.common)
        self._look_at_each(book, same)
        log("Comparing rows with each other.")
        found = same.find(self._tell_comparison)
        log("Writing what was found.")
        self._write(book, found)
        groups = {each.code: each.groups for each in found}
        return book.close(groups=groups, has_splits=same.has_splits)

    def _measure(self) -> None:
        """What every row is measured by: how long answers are, and which wording is common."""
        log("Measuring the rows.")
        lengths = array("I")
        stride = max(1, self.progress.total // SAMPLED_ROWS)
        for place, row in enumerate(self.spec.good_rows()):
            text = RowText.of(row)
            lengths.append(len(text.learned))
            if place % stride == 0:
                self.common.learn(text.said)
            if place % TELL_EVERY == 0:
                self._tell(MEASURE * place / self.progress.total)
        self.lengths = LengthRule.of(lengths)
        self.common.settle()

    def _look_at_each(self, book: Book, same: SameRowFinder) -> None:
        log("Looking at each row.")
        for place, row in enumerate(self.spec.good_rows()):
            text = RowText.of(row)
            book.begin_row(row.number)
            same.add(row, text.said)
            self._check_order(book, row)
            self._check_length(book, row, text.learned)
            self._check_words(book, row, text.whole)
            if place % TELL_EVERY == 0:
                self._tell(MEASURE + CHECK * place / self.progress.total)

    def _check_order(self, book: Book, row: TrainingRow) -> None:
        for code, detail in (
            (FindingCode.ROLES_OUT_OF_ORDER, roles_out_of_order(row)),
            (FindingCode.EMPTY_TURN, empty_turn(row)),
        ):
            if detail:
                text = outline(row) if book.wants_text(code) else ""
                book.add(Finding(row.number, code, detail, text=text))

    def _check_length(self, book: Book, row: TrainingRow, learned: str) -> None:
        for code, detail in (
            (FindingCode.SHORT_ANSWER, self.lengths.short(learned)),
            (FindingCode.LONG_ANSWER, self.lengths.long(learned)),
        ):
            if detail:
                text = beginning(learned) if book.wants_text(code) else ""
                book.add(Finding(row.number, code, detail, text=text))

    def _check_words(self, book: Book, row: TrainingRow, whole: str) -> None:
        spots: dict[FindingCode, Spot | None] = {
            FindingCode.BROKEN_TEXT: broken_text(whole),
            FindingCode.CONTROL_CHARACTERS: control_characters(whole),
            **secrets_in(whole),
        }
        for code, spot in spots.items():
            if spot:
                text = around(whole, spot) if book.wants_text(code) else ""
                book.add(Finding(row.number, code, spot.detail, text=text))

    def _tell(self, share: float) -> None:
        """Say how far the whole check is, 0–1, as if rows took all of the time."""
        self.progress.reach(int(self.progress.total * min(share, 1)))

    def _tell_comparison(self, done: int, total: int) -> None:
        self._tell(MEASURE + CHECK + COMPARE * done / total)

    def _write(self, book: Book, found: list[SameRows]) -> None:
        """The findings of groups; a last look at the rows gives their texts."""
        wanted = {
            number for each in found for pair in (each.rows[:TEXTS], each.others[:TEXTS]) for number in pair.tolist()
        }
        texts = self._texts(wanted)
        for each in found:
            book.mark(each.code, each.rows)
            for place, (row, other, detail) in enumerate(each.details()):
                shown = side_by_side(texts[row], texts[other]) if place < TEXTS else ("", "")
                book.write(Finding(row, each.code, detail, other, *shown))

    def _texts(self, wanted: set[int]) -> dict[int, str]:
        texts: dict[int, str] = {}
        if wanted:
            for row in self.spec.good_rows():
                if row.number in wanted:
                    texts[row.number] = RowText.of(row).said
                    if len(texts) == len(wanted):
                        break
        return texts
