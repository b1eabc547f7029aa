"""The fingerprint of a base's folder, computed once as long as not one of its files is touched.

Hashing a base takes seconds, or minutes for a large one, and every run and every scoring asks for it. What was computed
lies beside the folder, with what the file system says of each file (see `adapters/base_digests.py`). When any of that
differs, when a file came or went, when the code that hashes changed, or after a day, everything is hashed again.
"""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.base_digests import Stats, code_digest, stat_of, write_whole
from adapters.fingerprint import Fingerprint, fingerprint

VALID_SECONDS = 24 * 3600
SUFFIX = ".digests.json"


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
        write_whole(path, _Known(code=code, made_at=time.time(), files=files, fingerprint=found).model_dump_json())
    return found


def _stats(folder: Path) -> Stats:
    return {str(path.relative_to(folder)): stat_of(path) for path in sorted(folder.rglob("*"))}


def _code() -> str:
    return code_digest()


def _read(path: Path) -> _Known | None:
    try:
        return _Known.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
