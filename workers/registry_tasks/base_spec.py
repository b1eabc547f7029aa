"""What the two sides of a base model's import hand each other in the run folder. Pure."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from adapters.base_digests import BaseDigests
from adapters.base_source import FetchableBase
from finetune_app.errors import UserError

SPEC_NAME, DIGESTED_NAME, REFUSAL_NAME = "base_spec.json", "digested.json", "refusal.json"
UPLOADED = "uploaded"  # the folder of files that were sent, in the run folder


class BaseImportSpec(BaseModel):
    """The order: what to fetch, at most `limit` bytes; None: the files lie in the run folder.

    `notes` is where digests of folders that stay are noted, see `adapters/base_digests.py`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fetch: Annotated[FetchableBase, Field(discriminator="kind")] | None = None
    limit: int
    notes: Path

    @classmethod
    def load(cls, run_folder: Path) -> "BaseImportSpec":
        """Read it from the run folder."""
        return cls.model_validate_json((run_folder / SPEC_NAME).read_text())


class DigestedBase(BaseModel):
    """Where the base lies, its digests, and what pins where it came from: of the hub, the commit of 40 hex digits."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    digests: BaseDigests
    pins: dict[str, str] = {}


def write_digested(run_folder: Path, digested: DigestedBase) -> None:
    """Leave what was found for the other side."""
    (run_folder / DIGESTED_NAME).write_text(digested.model_dump_json())


def write_refusal(run_folder: Path, refusal: UserError) -> None:
    """Leave why the files are refused for the other side."""
    (run_folder / REFUSAL_NAME).write_text(json.dumps(refusal.as_json()))


def read_digested(run_folder: Path) -> DigestedBase:
    """What was found.

    Raises:
        UserError: the files were refused.
    """
    if (path := run_folder / REFUSAL_NAME).exists():
        found: dict[str, Any] = json.loads(path.read_text())
        raise UserError(found["code"], found["message"], field=found.get("field", ""), details=found.get("details", []))
    return DigestedBase.model_validate_json((run_folder / DIGESTED_NAME).read_text())
