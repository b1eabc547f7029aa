"""A look into a shared folder, for the pages that import from one (`components/shared_look.html`)."""

from dataclasses import dataclass

from django.conf import settings

from finetune_app.errors import UserError
from finetune_app.storage.shared_places import SharedFile, SharedFolder, address_of, find_file, look_into

SHOWN = 500  # files and folders of a folder


@dataclass(frozen=True)
class Look:
    """What lies at a path of a shared folder: a folder, or one file; or why nobody can say."""

    source: str
    path: str
    folder: SharedFolder | None = None
    file: SharedFile | None = None
    problem: str = ""

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The way to it: the name of each folder and its path."""
        parts = self.path.split("/") if self.path else []
        return [(part, "/".join(parts[: number + 1])) for number, part in enumerate(parts)]

    @property
    def folders(self) -> list[tuple[str, str]]:
        """The name of each folder in it and its path."""
        found = self.folder.folders[:SHOWN] if self.folder else []
        return [(path.rpartition("/")[2], path) for path in found]

    @property
    def files(self) -> list[SharedFile]:
        """The files in it that are shown."""
        return self.folder.files[:SHOWN] if self.folder else []


def look_at(source: str, path: str, endings: tuple[str, ...]) -> Look | None:
    """What is there, of the files those with these endings; None when no folder is shared."""
    if not settings.IMPORT_SOURCES:
        return None
    source, path = source or next(iter(settings.IMPORT_SOURCES)), path.strip("/")
    try:
        address = address_of(settings.IMPORT_SOURCES, source)
        file = find_file(address, path)
        return Look(source, path, file=file, folder=None if file else look_into(address, path, endings))
    except UserError as error:
        return Look(source, path, problem=error.message)
