"""All digests of a base's folder in one go: its fingerprint, and the SHA-256 of each file that is kept. Pure.

What was computed can be noted, with what the file system says of each file: device, inode, size, and the times of its
last change, of which nobody can set the second (ctime). While all of that stands, the same folder is not hashed again.
"""

import contextlib
import hashlib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import adapters.architecture
import adapters.base_folder
import adapters.base_texts
import adapters.fingerprint
import adapters.hashing
import adapters.weight_files
from adapters.base_folder import base_files
from adapters.fingerprint import Fingerprint, made_of, read_base
from adapters.hashing import hash_spans
from adapters.weight_files import in_place_order, leaf_of
from finetune_app.errors import UserError

NOTES = "digests"  # the folder for notes, in that of the workers
SIZE = 2  # its place in what the file system says
Stat = tuple[int, int, int, int, int]
Stats = dict[str, Stat]
Progress = Callable[[int, int], None]
HASHING_MODULES = (
    adapters.architecture,
    adapters.base_folder,
    adapters.base_texts,
    adapters.fingerprint,
    adapters.hashing,
    adapters.weight_files,
)


class BaseDigests(BaseModel):
    """The digests of a base's folder; `files` has the SHA-256 of each file that is kept, by path.

    `stats` is what the file system said of them while they were hashed: whoever keeps the bytes under these digests
    later looks whether it still says so.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: Fingerprint
    files: dict[str, str]
    stats: Stats

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(stat[SIZE] for stat in self.stats.values())


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str
    digests: BaseDigests


def base_digests(folder: Path, *, notes: Path | None = None, on_progress: Progress | None = None) -> BaseDigests:
    """The digests of the base in `folder`.

    Args:
        folder: config, safetensors weights and tokenizer.
        notes: the folder for notes of what was computed; None computes in any case.
        on_progress: called with (bytes hashed, bytes to hash); the bytes of tensors count twice.

    Raises:
        UserError: as `fingerprint`, or `base_changed`: somebody wrote into the folder meanwhile.
    """
    files = base_files(folder)
    stats = stats_of(files)
    note = notes / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()}.json" if notes else None
    if note and (known := _read(note)) and known.code == code_digest() and known.digests.stats == stats:
        return known.digests
    fingerprint, digests = _hash(folder, files, on_progress)
    found = BaseDigests(fingerprint=fingerprint, files=digests, stats=stats)
    if stats_of(base_files(folder)) != stats:
        raise base_changed()
    if note:
        write_whole(note, _Note(code=code_digest(), digests=found).model_dump_json())
    return found


def base_changed() -> UserError:
    """Somebody wrote into the folder while it was read."""
    return UserError(
        "base_changed", "The base model's files were changed while they were read. Try again when nobody writes there."
    )


def stats_of(files: Mapping[str, Path]) -> Stats:
    """What the file system says of each file."""
    return {name: stat_of(path) for name, path in files.items()}


def stat_of(path: Path) -> Stat:
    """What the file system says of a file; links are followed."""
    stat = path.stat()
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def code_digest() -> str:
    """That of the code that hashes: what other code computed does not count."""
    digest = hashlib.sha256()
    for module in HASHING_MODULES:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a note whole or not at all; where it cannot be written, everything is hashed each time."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _hash(folder: Path, files: Mapping[str, Path], on_progress: Progress | None) -> tuple[Fingerprint, dict[str, str]]:
    reading = read_base(folder)
    tensors = in_place_order(reading.tensors)
    # Each file as a whole beside its tensors: they are read from the disk once.
    spans = [(path, 0, path.stat().st_size) for path in files.values()]
    spans += [(tensor.path, tensor.start, tensor.end) for tensor in tensors]
    order = sorted(range(len(spans)), key=lambda number: (spans[number][:2], -spans[number][2]))
    digests = dict(zip(order, hash_spans([spans[number] for number in order], on_progress), strict=True))
    leaves = [leaf_of(tensor, digests[len(files) + number]) for number, tensor in enumerate(tensors)]
    return made_of(reading, leaves), {name: digests[number] for number, name in enumerate(files)}


def _read(path: Path) -> _Note | None:
    try:
        return _Note.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
