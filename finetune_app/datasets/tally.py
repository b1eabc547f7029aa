"""The counts while rows go by. Pure."""

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from finetune_app.datasets.preview import preview
from finetune_app.datasets.row_types import BadRow, Split, TrainingRow

BAD_ROWS_KEPT = 10_000
BAD_ROWS_SHOWN = 200
FIRST_ROWS = 10
RAW_CHARACTERS = 2_000  # of each bad row that is shown; of the others less, since all lie in one row of the database
RAW_CHARACTERS_OF_OTHERS = 200


@dataclass
class Tally:
    """`bad_rows` keeps the first `BAD_ROWS_KEPT` of `bad_count`; rows + bad_count is what the files hold."""

    rows: int = 0
    train_rows: int = 0
    held_out_rows: int = 0
    bad_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    first_rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: TrainingRow) -> None:
        """Count a good row."""
        self.rows += 1
        if row.split is not None:
            self.train_rows += row.split is Split.TRAIN
            self.held_out_rows += row.split is Split.HELD_OUT
        if self.rows <= FIRST_ROWS:
            self.first_rows.append(preview(row))

    def add_bad(self, row: BadRow, raw: bytes | str) -> None:
        """Count a bad row and keep the beginning of what stands in the file."""
        self.bad_count += 1
        if len(self.bad_rows) >= BAD_ROWS_KEPT:
            return
        length = RAW_CHARACTERS if len(self.bad_rows) < BAD_ROWS_SHOWN else RAW_CHARACTERS_OF_OTHERS
        if isinstance(raw, bytes):
            raw = raw[: 4 * length + 4].decode(errors="replace")
        raw = raw.strip()
        cut = raw[:length] + ("…" if len(raw) > length else "")
        self.bad_rows.append(replace(row, text=cut))
