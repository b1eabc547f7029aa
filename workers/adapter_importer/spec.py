"""What the import's two sides hand each other in the run folder: the order, and what was found. Pure."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from adapters.adapter_source import FetchableAdapter
from adapters.manifest import BaseIdentity
from finetune_app.errors import UserError

SPEC_NAME, FOUND_NAME, REFUSAL_NAME = "adapter_import.json", "found.json", "refusal.json"
ADAPTER_FOLDER = "adapter"  # the files that become the version
BASE_FOLDER = "base"  # the small files of the base


class AdapterImportSpec(BaseModel):
    """The order: files in the run folder with the names that people gave them, or what to fetch.

    `base` is the base revision's name for people; its small files lie in the run folder. `fetch_limit` and
    `unpack_limit` are in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: list[tuple[Path, str]]
    fetch: Annotated[FetchableAdapter, Field(discriminator="kind")] | None = None
    fetch_limit: int
    unpack_limit: int
    base: str
    trust_remote_code: bool = False

    @classmethod
    def load(cls, run_folder: Path) -> "AdapterImportSpec":
        """Read it from the run folder."""
        spec = cls.model_validate_json((run_folder / SPEC_NAME).read_text())
        return spec.model_copy(update={"files": [(run_folder / path, name) for path, name in spec.files]})


class FoundAdapter(BaseModel):
    """What the adapter says of itself, once it was found right.

    `pins` say exactly what was fetched; `config` is what its `adapter_config.json` chose. `base` and `was` come from
    the manifest of a download of Graft: the base that it names, and the version that it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: dict[str, Any]
    peft_version: str = ""
    base: BaseIdentity | None = None
    was: dict[str, Any] | None = None
    pins: dict[str, Any] = {}


def write_refusal(run_folder: Path, refusal: UserError) -> None:
    """Leave the refusal for the other side."""
    (run_folder / REFUSAL_NAME).write_text(json.dumps(refusal.as_json()))


def read_found(run_folder: Path) -> FoundAdapter:
    """What was found.

    Raises:
        UserError: the adapter was refused.
    """
    if (path := run_folder / REFUSAL_NAME).exists():
        found = json.loads(path.read_text())
        raise UserError(found["code"], found["message"], field=found.get("field", ""), details=found.get("details", []))
    return FoundAdapter.model_validate_json((run_folder / FOUND_NAME).read_text())
