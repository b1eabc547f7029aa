"""The order for the token reporter's children, beside the rows' own in the run folder. Pure."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finetune_app.jobs.training_config import LossOn

SPEC_FILE = "token_spec.json"
BASE_FOLDER = "base"  # all files of the base but its weights
LENGTHS_FILE = "lengths.npy"
PREVIEW_FILE = "preview.json"


class TokenSpec(BaseModel):
    """What is counted or shown.

    Attributes:
        rows: how many good rows there are.
        row: the number of the one that is shown.
        loss_on: which part of it is learned.
        trust_remote_code: whether an admin allowed the base's own Python to run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    row: int | None = None
    loss_on: LossOn = "completion"
    trust_remote_code: bool = False

    @classmethod
    def load(cls, run_folder: Path) -> "TokenSpec":
        """Read it from the run folder."""
        return cls.model_validate_json((run_folder / SPEC_FILE).read_text())

    def save(self, run_folder: Path) -> None:
        """Write it into the run folder."""
        (run_folder / SPEC_FILE).write_text(self.model_dump_json())
