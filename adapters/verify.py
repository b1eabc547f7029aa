"""Whether a downloaded folder is what its manifest says, to the last byte. Pure: needs neither a server nor a network.

A manifest speaks for the files beside it, but not for itself: whoever wants to be sure that it is the one that was
registered compares its SHA-256 with the one that the version's page shows.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, ManifestFile
from finetune_app.errors import UserError

READ_BYTES = 1024 * 1024
MAX_MANIFEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Difference:
    """What is not as it should be: the file, and what is wrong with it as the rest of a sentence."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path} {self.text}"


@dataclass(frozen=True)
class Report:
    """What was found; `files` and `size` (bytes) are those that the manifest lists."""

    adapter: str
    version: int
    files: int
    size: int
    manifest_sha256: str
    differences: list[Difference]

    @property
    def is_whole(self) -> bool:
        """Whether everything is as it should be."""
        return not self.differences


class _Listing(BaseModel):
    """What a manifest must say to be compared with; a newer Graft may write more into it."""

    adapter: str
    version: int
    files: list[ManifestFile]


def verify_folder(
    folder: Path, *, manifest_sha256: str = "", on_progress: Callable[[int, int], None] | None = None
) -> Report:
    """Compare every file of the folder with `manifest.json` and `SHA256SUMS`.

    Args:
        folder: an unpacked download.
        manifest_sha256: what the manifest itself must have; "" does not ask.
        on_progress: told how many of the bytes that the manifest lists are read, and how many there are.

    Raises:
        UserError: `not_a_version`: there is no manifest to compare with.
    """
    content = _read_manifest(folder)
    found_sha256 = hashlib.sha256(content).hexdigest()
    listing = _parse(content)
    total = sum(file.size for file in listing.files)
    differences = list(_manifest_differences(found_sha256, manifest_sha256.strip().lower()))
    done = 0
    for file in listing.files:
        differences += _file_differences(folder, file)
        done += file.size
        if on_progress:
            on_progress(done, total)
    wanted = {file.path: file.sha256 for file in listing.files} | {MANIFEST_NAME: found_sha256}
    differences += _checksum_differences(folder, wanted)
    differences += _extra_files(folder, wanted.keys() | {CHECKSUMS_NAME})
    return Report(listing.adapter, listing.version, len(listing.files), total, found_sha256, differences)


def _read_manifest(folder: Path) -> bytes:
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise UserError(
            "not_a_version",
            f"There is no {MANIFEST_NAME} in {folder}. Name the folder that the download was unpacked into.",
        )
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise UserError("not_a_version", f"{path} is too large to be a manifest. Download it again.")
    return path.read_bytes()


def _parse(content: bytes) -> _Listing:
    try:
        return _Listing.model_validate_json(content)
    except (ValidationError, json.JSONDecodeError):
        raise UserError(
            "not_a_version", f"The {MANIFEST_NAME} is not one that Graft wrote. Download the version again."
        ) from None


def _manifest_differences(found: str, wanted: str) -> Iterator[Difference]:
    if wanted and found != wanted:
        yield Difference(MANIFEST_NAME, f"is another one: its SHA-256 is {found}, not {wanted}")


def _file_differences(folder: Path, file: ManifestFile) -> Iterator[Difference]:
    if not _stays_inside(file.path):
        yield Difference(file.path, "leads out of the folder, so it was not read")
        return
    path = folder / file.path
    if not path.is_file():
        yield Difference(file.path, "is missing")
        return
    size = path.stat().st_size
    if size != file.size:
        yield Difference(file.path, f"has {size:,} bytes, not {file.size:,}")
        return
    found = _sha256(path)
    if found != file.sha256:
        yield Difference(file.path, f"is damaged: its SHA-256 is {found}, not {file.sha256}")


def _stays_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path and "\0" not in path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum_differences(folder: Path, wanted: dict[str, str]) -> Iterator[Difference]:
    """Whether `SHA256SUMS` says of each file what the manifest says."""
    path = folder / CHECKSUMS_NAME
    if not path.is_file():
        yield Difference(CHECKSUMS_NAME, "is missing")
        return
    lines = [line.partition("  ") for line in path.read_text("utf-8", errors="replace").splitlines() if line]
    said = {name: sha256.lower() for sha256, _, name in lines}
    for name in sorted(wanted.keys() - said.keys()):
        yield Difference(CHECKSUMS_NAME, f"does not name {name}")
    for name in sorted(said.keys() - wanted.keys()):
        yield Difference(CHECKSUMS_NAME, f"names {name}, which the manifest does not")
    for name in sorted(said.keys() & wanted.keys()):
        if said[name] != wanted[name]:
            yield Difference(CHECKSUMS_NAME, f"says another SHA-256 of {name} than the manifest")


def _extra_files(folder: Path, known: set[str]) -> Iterator[Difference]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in known:
            yield Difference(name, "does not belong to the version")
