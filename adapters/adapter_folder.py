"""The folder that a trainer leaves: which of its files become an adapter version, and whether they can be one."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.adapter_folder_names import CONFIG, KEPT_SUFFIXES, PLAIN_PATH, WEIGHTS
from adapters.archive import Member
from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, ManifestFile
from adapters.weight_files import read_tensors
from finetune_app.errors import UserError
from finetune_app.storage import blobs

MODEL_CARD = "README.md"
WRITTEN_HERE = frozenset({MODEL_CARD, MANIFEST_NAME, CHECKSUMS_NAME})
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file on its way into the storage: a file of the folder, or bytes that the registry wrote."""

    path: str
    size: int
    sha256: str
    source: Path | bytes

    def store(self) -> None:
        """Make it a blob."""
        if isinstance(self.source, Path):
            blobs.put_file(self.source, sha256=self.sha256)
        else:
            blobs.put_bytes(self.source)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        with self.source.open("rb") as file:
            while chunk := file.read(READ_BYTES):
                yield chunk

    @property
    def entry(self) -> ManifestFile:
        """The file as a manifest lists it."""
        return ManifestFile(path=self.path, size=self.size, sha256=self.sha256)

    @property
    def member(self) -> Member:
        """The file as a zip takes it."""
        return Member(self.path, self.size, self.sha256, self.chunks)


def from_path(path: str, source: Path) -> SourceFile:
    """The file at `source`, to be known as `path`."""
    return SourceFile(path, source.stat().st_size, blobs.file_sha256(source), source)


def from_bytes(path: str, content: bytes) -> SourceFile:
    """`content`, to be known as `path`."""
    return SourceFile(path, len(content), hashlib.sha256(content).hexdigest(), content)


def read_adapter_folder(folder: Path) -> list[SourceFile]:
    """The adapter's files, sorted by path; hidden files, pickles and odd names are left out.

    Raises:
        UserError: `adapter_incomplete` or `adapter_torn`.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise UserError("adapter_incomplete", f"The adapter's folder has no {name}, so peft cannot load it.")
    _check_weights(folder / WEIGHTS)
    _check_config(folder / CONFIG)
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return [
        from_path(name, path)
        for name, path in sorted(found.items())
        if path.suffix in KEPT_SUFFIXES and PLAIN_PATH.fullmatch(name) and name not in WRITTEN_HERE
    ]


def _check_weights(path: Path) -> None:
    try:
        for _ in read_tensors([path]):
            pass
    except UserError as error:
        raise UserError("adapter_torn", error.message.replace("base model", "adapter")) from error


def _check_config(path: Path) -> None:
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError("adapter_torn", f"{CONFIG} is not valid JSON. Copy the file again.") from error
    if not isinstance(config, dict) or not config.get("peft_type"):
        raise UserError("adapter_torn", f"{CONFIG} does not say which kind of adapter this is (peft_type).")
