"""The order that the child gets: `hub_send.json` in its run folder. The token comes another way. Pure."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

SPEC_NAME = "hub_send.json"
TOKEN = "GRAFT_HUB_TOKEN"  # noqa: S105 - the variable's name


class FileToSend(BaseModel):
    """A file below the folder `files`, with what is known of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    sha256: str


class HubSendSpec(BaseModel):
    """One push.

    Attributes:
        folder: that of the files; may be relative to the run folder.
        files: all of them.
        provenance: the one that says what the others are; where the repository has it already, it has all.
        card: README.md, for a repository that has none.
        message: the commit's first line.
        description: what follows it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    private: bool
    folder: Path
    files: list[FileToSend]
    provenance: str
    card: str
    message: str
    description: str

    @classmethod
    def load(cls, run_folder: Path) -> "HubSendSpec":
        """Read it from the run folder."""
        found = cls.model_validate_json((run_folder / SPEC_NAME).read_text())
        return found.model_copy(update={"folder": run_folder / found.folder})

    def save(self, run_folder: Path) -> None:
        """Write it into the run folder."""
        (run_folder / SPEC_NAME).write_text(self.model_dump_json())
