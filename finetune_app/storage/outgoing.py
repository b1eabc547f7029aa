"""A folder on its way to a place outside of Graft. Pure."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from finetune_app.errors import UserError


@dataclass(frozen=True)
class OutgoingFile:
    """A file: its path in the folder, its bytes' number, and how they are read from the beginning."""

    path: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class OutgoingFolder:
    """What is to lie at `path`, below a place.

    Attributes:
        files: all but the last ones.
        last: small files that say what the others are, with their bytes; they are written after them, in this order.
            A folder that has the same ones, and files of the same sizes, counts as the same.
    """

    path: str
    files: Sequence[OutgoingFile]
    last: Mapping[str, bytes]

    @property
    def sizes(self) -> dict[str, int]:
        """Path → size of every file."""
        return {file.path: file.size for file in self.files} | {path: len(text) for path, text in self.last.items()}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    @property
    def identity(self) -> str:
        """What tells it from folders with another content."""
        return hashlib.sha256(b"\0".join(self.last.values())).hexdigest()

    def pieces(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every file in the order in which they are written."""
        for file in self.files:
            yield file.path, file.chunks()
        for path, text in self.last.items():
            yield path, iter([text])


def folder_taken(path: str) -> UserError:
    """The refusal to write where something else lies."""
    return UserError(
        "folder_taken",
        f"There is something else at “{path}” already. Choose another folder, or take that one away.",
        field="path",
        status=409,
    )
