"""What a run knows about itself at a checkpoint, beside what the Trainer keeps: its clock, its counts, its config."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

NAME = "run.json"


class RunState(BaseModel):
    """The run after `step`.

    Attributes:
        step: the last optimizer step that was trained.
        seconds: of training, over all attempts.
        tokens: seen, over all attempts.
        loss: of that step.
        loss_sum: of all steps, for their mean at the end.
        looked_at: the last step at which the held-out rows were looked at.
        config: every option as it was carried out, with the split of the batch that was chosen.
    """

    step: int
    seconds: float
    tokens: int
    loss: float | None
    loss_sum: float
    looked_at: int | None
    config: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a checkpoint."""
        return cls.model_validate_json((folder / NAME).read_text())

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint that is being made."""
        (folder / NAME).write_text(self.model_dump_json())
