"""The fingerprint of a base's folder, computed once as long as not one of its files is touched.

Hashing a base takes seconds, or minutes for a large one, and every run and every scoring asks for it. What was computed
lies beside the folder, with what the file system says of each file: device, inode, size, and the times of its last
change, of which nobody can set the second (ctime). When any of that differs, when a file came or went, when the code
that hashes changed, or after a day, everything is hashed again.
"""

import contextlib
import hashlib
import time
import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import adapters.fingerprint
import adapters.weight_files
from adapters.fingerprint import Fingerprint, fingerprint

VALID_SECONDS = 24 * 3600
SUFFIX = ".digests.json"
Stats = dict[str, tuple[int, int, int, int, int]]


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str
    made_at: float
    files: Stats
    fingerprint: Fingerprint


def known_fingerprint(folder: Path) -> Fingerprint:
    """The fingerprint of the base in `folder`.

    Raises:
        UserError: as `fingerprint`.
    """
    path = folder.with_name(f"{folder.name}{SUFFIX}")
    files, code = _stats(folder), _code()
    known = _read(path)
    if known and known.code == code and known.files == files and 0 <= time.time() - known.made_at < VALID_SECONDS:
        return known.fingerprint
    found = fingerprint(folder)
    if _stats(folder) == files:
        _write(path, _Known(code=code, made_at=time.time(), files=files, fingerprint=found))
    return found


def _stats(folder: Path) -> Stats:
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.stat()
        found[str(path.relative_to(folder))] = (
            stat.st_dev,
            stat.st_ino,
            stat.st_size,
            stat.st_mtime_ns,
            stat.st_ctime_ns,
        )
    return found


def _code() -> str:
    digest = hashlib.sha256()
    for module in (adapters.fingerprint, adapters.weight_files):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> _Known | None:
    try:
        return _Known.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(path: Path, known: _Known) -> None:
    """Whole or not at all; a folder that cannot be written beside is hashed each time."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        try:
            partial.write_text(known.model_dump_json())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
