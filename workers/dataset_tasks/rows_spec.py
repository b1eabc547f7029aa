"""The rows of a dataset version in a run folder, for children that read them. Pure but for `place_rows`' arguments."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finetune_app.datasets.formats import BadRow, FileFormat, RowForm, TrainingRow, read_rows

ROWS_SPEC_NAME = "rows_spec.json"


class RowsSpec(BaseModel):
    """Where the rows lie and how they are read; the path may be relative to the run folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_file: Path
    file_format: FileFormat
    row_form: RowForm
    bad_rows: list[int] = []

    @classmethod
    def load(cls, run_folder: Path) -> "RowsSpec":
        """Read it from the run folder."""
        spec = cls.model_validate_json((run_folder / ROWS_SPEC_NAME).read_text())
        return spec.model_copy(update={"rows_file": run_folder / spec.rows_file})

    def good_rows(self) -> Iterator[TrainingRow]:
        """The rows that can be trained on, in order; those that were left out on upload are left out here."""
        left_out = frozenset(self.bad_rows)
        for row in read_rows(self.rows_file, self.file_format, self.row_form):
            if isinstance(row, BadRow) or row.number in left_out:
                continue
            yield row
