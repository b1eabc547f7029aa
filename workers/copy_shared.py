"""Copies a file out of a shared place, so that it cannot change while it is read."""

from pathlib import Path

from finetune_app.errors import UserError
from finetune_app.storage.shared_places import SharedFile, find_file, read_part
from workers.progress import Progress

PART_BYTES = 8 * 1024 * 1024


def copy_shared(address: str, file: SharedFile, to: Path, progress: Progress) -> None:
    """Copy it, counting its bytes.

    Args:
        address: of the place.
        file: as it was found there.
        to: where there is nothing yet.
        progress: gets the bytes.

    Raises:
        UserError: `file_changed`, or `source_unreachable`.
    """
    with to.open("xb") as copy:
        for start in range(0, file.size, PART_BYTES):
            part = read_part(address, file, start, min(start + PART_BYTES, file.size))
            copy.write(part)
            progress.add(len(part))
    now = find_file(address, file.path)
    if now is None or now.e_tag != file.e_tag or to.stat().st_size != file.size:
        raise UserError(
            "file_changed",
            f"“{file.path}” was changed while it was copied. Try again when nobody writes to it.",
            field="path",
            status=409,
        )
