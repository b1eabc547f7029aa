"""The rows of a dataset version in a run folder, for children that read them. Pure but for `place_rows`' arguments."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finetune_app.datasets.formats import BadRow, FileFormat, RowForm, TrainingRow, read_rows
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.rows import RowReader

ROWS_SPEC_NAME = "rows_spec.json"


class RowsSpec(BaseModel):
    """Where the rows lie and how they are read; the path may be relative to the run folder.

    With `only_row` the file is nothing but the bytes of the row with that number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_file: Path
    file_format: FileFormat
    row_form: RowForm
    bad_rows: list[int] = []
    only_row: int | None = None

    @classmethod
    def load(cls, run_folder: Path) -> "RowsSpec":
        """Read it from the run folder."""
        spec = cls.model_validate_json((run_folder / ROWS_SPEC_NAME).read_text())
        return spec.model_copy(update={"rows_file": run_folder / spec.rows_file})

    def good_rows(self) -> Iterator[TrainingRow]:
        """The rows that can be trained on, in order; those that were left out on upload are left out here."""
        left_out = frozenset(self.bad_rows)
        for row in self._rows():
            if isinstance(row, BadRow) or row.number in left_out:
                continue
            yield row

    def _rows(self) -> Iterator[TrainingRow | BadRow]:
        if self.only_row is None:
            return read_rows(self.rows_file, self.file_format, self.row_form)
        return iter([RowReader(HowToRead(self.row_form)).from_bytes(self.only_row, self.rows_file.read_bytes())])
