"""Upload files as a dataset version. Nothing is kept of files that are refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.check_report import Checked
from finetune_app.datasets.checking import take_in
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.keep_version import keep_version
from finetune_app.datasets.sources import NamedFile
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs
from finetune_app.web.body_limit import file_too_large

UNPACKED_TIMES = 20  # so many times the upload limit may files have when they are unpacked


def upload_dataset(
    access: Access,
    *,
    name: str,
    file: "UploadedFile[bytes] | Sequence[UploadedFile[bytes]]",
    leave_out_bad_rows: bool = False,
    how: HowToRead | None = None,
) -> tuple[DatasetVersion, bool]:
    """Check the files and keep their rows as the next version of the dataset `name`, which is made when it is new.

    Args:
        access: who uploads, and where.
        name: the dataset.
        file: one file, or several whose rows follow one another.
        leave_out_bad_rows: keep the good rows of files that have bad ones.
        how: the form and the columns, where the person chose them.

    Returns:
        The version, and whether it was made now: the same rows in the same dataset are the same version.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `no_files`, `file_too_large`, `bad_rows`, or another code of
            `checking.take_in`.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    files = [file] if isinstance(file, UploadedFile) else list(file)
    if not files:
        raise UserError("no_files", "Choose at least one file.", field="file")
    if sum(item.size or 0 for item in files) > settings.UPLOAD_LIMIT_BYTES:
        raise upload_limit_error()
    checked = take_in(
        [NamedFile(item.name or "", item) for item in files],
        settings.FILE_UPLOAD_TEMP_DIR,
        how,
        leave_out_bad_rows=leave_out_bad_rows,
        limit=UNPACKED_TIMES * settings.UPLOAD_LIMIT_BYTES,
    )
    try:
        _store(files[0], checked)
    finally:
        if checked.path:
            checked.path.unlink()
    return keep_version(
        access.workspace,
        name=name,
        file_name=_file_name(files),
        report=checked.report,
        user=access.user,
        origin=origin_of(checked, how),
    )


def upload_limit_error() -> UserError:
    """The refusal of files over the limit, also of those that were never kept (`web/body_limit.py`)."""
    return file_too_large(settings.UPLOAD_LIMIT_BYTES)


def origin_of(checked: Checked, how: HowToRead | None) -> dict[str, Any]:
    """What a version keeps of the files whose rows were written anew; nothing of one that is stored as it came.

    `read_from` names the files and what they were, `columns` which of them stand for which keys.
    """
    if checked.path is None:
        return {}
    origin: dict[str, Any] = {"read_from": checked.report.read_from}
    if how and how.columns:
        origin["columns"] = how.columns
    return origin


def _file_name(files: "Sequence[UploadedFile[bytes]]") -> str:
    first = files[0].name or ""
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"


def _store(file: "UploadedFile[bytes]", checked: Checked) -> None:
    """The blob is there before the row that names it. A file that Django kept in memory is a small one."""
    sha256 = checked.report.sha256
    if checked.path:
        blobs.put_file(checked.path, sha256=sha256)
    elif isinstance(file, TemporaryUploadedFile):
        blobs.put_file(Path(file.temporary_file_path()), sha256=sha256)
    else:
        file.seek(0)
        blobs.put_bytes(file.read())
