"""Brings a blob to this machine before somebody asks for it: the words of a version, while its rows are looked at.

A large blob takes half a second to check where the storage is a folder, and longer to download where it is not.
"""

import logging
from pathlib import Path
from threading import Lock, Thread

from finetune_app.datasets.local_files import local_file

log = logging.getLogger(__name__)
_lock = Lock()
_under_way: dict[str, Thread] = {}


def fetch_soon(sha256: str) -> None:
    """Have the blob brought here beside what else goes on; does nothing while that is under way."""
    with _lock:
        if sha256 not in _under_way:
            thread = Thread(target=_fetch, args=(sha256,), daemon=True)  # nobody has to wait for it at the end
            _under_way[sha256] = thread
            thread.start()


def fetched(sha256: str) -> Path:
    """The blob as a file of this machine, see `local_file`; it is not brought here twice at the same time."""
    thread = _under_way.get(sha256)
    if thread:
        thread.join()
    return local_file(sha256)


def _fetch(sha256: str) -> None:
    try:
        local_file(sha256)
    except Exception:
        log.warning("Blob %s could not be fetched ahead.", sha256, exc_info=True)  # whoever needs it will be told
    finally:
        with _lock:
            del _under_way[sha256]
