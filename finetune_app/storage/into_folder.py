"""Writes a folder on a disk: beside its place, under a hidden name, and renamed when all of it is there. Pure."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from finetune_app.errors import UserError
from finetune_app.storage.outgoing import OutgoingFolder, folder_taken


def write_into_folder(top: Path, folder: OutgoingFolder, sent: Callable[[int], None]) -> bool:
    """Write it below `top`; whether it was not there before. What another try left of it is taken away first.

    Raises:
        UserError: `invalid_path`: a link leads out of the place; `folder_taken`.
        OSError: it cannot be written.
    """
    target = top / folder.path
    if not target.resolve().is_relative_to(top.resolve()):
        raise UserError("invalid_path", f"“{folder.path}” leads out of the place by a link.", field="path")
    if target.exists():
        if _is_same(target, folder):
            return False
        raise folder_taken(folder.path)
    hidden = target.parent / f".{target.name}.{folder.identity[:12]}.incomplete"
    made = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(hidden, ignore_errors=True)
        _write(hidden, folder, sent)
        _rename(hidden, target, folder.path)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        for parent in made:  # from the inside outwards
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise
    return True


def _write(hidden: Path, folder: OutgoingFolder, sent: Callable[[int], None]) -> None:
    for path, chunks in folder.pieces():
        (hidden / path).parent.mkdir(parents=True, exist_ok=True)
        with (hidden / path).open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                sent(len(chunk))
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do


def _rename(hidden: Path, target: Path, path: str) -> None:
    try:
        hidden.rename(target)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:  # it came meanwhile
            raise folder_taken(path) from None
        raise


def _is_same(target: Path, folder: OutgoingFolder) -> bool:
    sizes = {
        path.relative_to(target).as_posix(): path.stat().st_size for path in target.rglob("*") if not path.is_dir()
    }
    return sizes == folder.sizes and all((target / path).read_bytes() == text for path, text in folder.last.items())
