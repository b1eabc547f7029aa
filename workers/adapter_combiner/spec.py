"""What the two sides of a combination hand each other in the run folder. Pure."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.combination import CombinationOptions

SPEC_NAME, FOUND_NAME = "combination.json", "combined.json"
BASE_FOLDER = "base"  # the small files of the base
RESULT_FOLDER = "adapter"  # the files that become the version


class CombinationSpec(BaseModel):
    """The order: the weight of each version, whose files lie in `part-0`, `part-1` and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    weights: list[float]
    options: CombinationOptions
    trust_remote_code: bool = False

    @classmethod
    def load(cls, run_folder: Path) -> "CombinationSpec":
        """Read it from the run folder."""
        return cls.model_validate_json((run_folder / SPEC_NAME).read_text())


class Combined(BaseModel):
    """What came of it: how many modules it changes, its rank, and the library that did it.

    `distance` is how far its change is from the exact weighted sum of the versions' changes, as a share of that sum's
    Frobenius norm over all modules.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modules: int
    r: int
    lora_alpha: float
    target_modules: list[str]
    distance: float
    peft_version: str
    device: str


def part_folder(run_folder: Path, place: int) -> Path:
    """Where the files of the version with this place lie."""
    return run_folder / f"part-{place}"
