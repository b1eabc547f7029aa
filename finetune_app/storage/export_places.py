"""Writes folders into places that the administrator names (`GRAFT_EXPORT_PLACES`): whole or not at all. Pure.

Nothing outside of a place is reached, and nothing that lies there is touched: a folder with another content is refused.
How a folder appears whole differs: `into_folder.py` renames it, `into_bucket.py` marks it until its last file is there.
"""

import errno
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore

from finetune_app.errors import UserError
from finetune_app.storage.into_bucket import write_into_bucket
from finetune_app.storage.into_folder import write_into_folder
from finetune_app.storage.location import open_store
from finetune_app.storage.outgoing import OutgoingFolder

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
ASK = "Ask the administrator whether Graft may write there."


def parse_folder(path: str) -> str:
    """The path of a folder below a place, without slashes around it; "" stays "".

    Raises:
        UserError: `invalid_path`.
    """
    path = path.strip().strip("/")
    if path and not all(PART.fullmatch(part) for part in path.split("/")):
        raise UserError(
            "invalid_path",
            f"“{path[:120]}” will not do. Write names of letters, digits and . _ + -, with slashes between; each one "
            "begins with a letter or a digit.",
            field="path",
        )
    return path


def export_place(places: Mapping[str, str], name: str) -> str:
    """The address of the place with this name.

    Raises:
        UserError: `place_unknown`.
    """
    if name not in places:
        known = f"There are {', '.join(places)}." if places else "GRAFT_EXPORT_PLACES names none."
        raise UserError("place_unknown", f"No place has the name “{name[:40]}”. {known}", field="place")
    return places[name]


def send_folder(address: str, folder: OutgoingFolder, sent: Callable[[int], None]) -> bool:
    """Write the folder; whether it was not there before. What was begun is taken away again when this raises.

    Args:
        address: of the place.
        folder: its path there and its files.
        sent: is told the bytes of each piece that was written; what it raises ends the sending.

    Raises:
        UserError: `folder_taken`, `invalid_path`, or `place_unreachable`.
        OSError: its disk is full.
    """
    parse_folder(folder.path)
    try:
        store = open_store(address, make=False)
        if isinstance(store, LocalStore):
            return write_into_folder(Path(store.prefix or ""), folder, sent)
        return write_into_bucket(store, folder, sent)
    except (BaseError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise UserError("place_unreachable", f"The place {_what_happened(error)}. {ASK}", field="place") from error


def _what_happened(error: Exception) -> str:
    match error:
        case PermissionError() | PermissionDeniedError() | UnauthenticatedError():
            return "may not be written to with the rights that Graft has"
        case FileNotFoundError() | ValueError():
            return "is not there"
        case _:
            return "did not take all files"
