"""What the import's two sides hand each other in the run folder: the order, what was fetched. Pure."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from finetune_app.datasets.import_source import Fetchable, Fetched
from finetune_app.datasets.row_types import RowForm

IMPORT_SPEC_NAME = "import_spec.json"
FETCHED_NAME = "fetched.json"
ROWS_NAME = "rows.jsonl"  # only where the rows had to be written anew


class ImportSpec(BaseModel):
    """The order: files in the run folder with the names that people gave them, and how their rows are read.

    Where there are no files, the child fetches what `fetch` says, at most `fetch_limit` bytes. `limit` is how many
    bytes a packed file may have when it is unpacked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: list[tuple[Path, str]]
    fetch: Annotated[Fetchable, Field(discriminator="kind")] | None = None
    fetch_limit: int = 0
    form: RowForm | None = None
    columns: dict[str, str] = {}
    leave_out_bad_rows: bool = False
    limit: int

    @classmethod
    def load(cls, run_folder: Path) -> "ImportSpec":
        """Read it from the run folder."""
        spec = cls.model_validate_json((run_folder / IMPORT_SPEC_NAME).read_text())
        return spec.model_copy(update={"files": [(run_folder / path, name) for path, name in spec.files]})


def write_fetched(run_folder: Path, fetched: Fetched) -> None:
    """Leave what was fetched for the other side."""
    (run_folder / FETCHED_NAME).write_text(fetched.model_dump_json())


def read_fetched(run_folder: Path) -> Fetched | None:
    """What was fetched; None when nothing had to be, or it failed."""
    path = run_folder / FETCHED_NAME
    return Fetched.model_validate_json(path.read_text()) if path.exists() else None
