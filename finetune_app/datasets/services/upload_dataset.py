"""Upload a file as a dataset version. Nothing is kept of a file that is refused."""

from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.checking import BAD_ROWS_KEPT, BAD_ROWS_SHOWN, CheckReport, check
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.preview import bad_row_details
from finetune_app.datasets.services.keep_version import keep_version
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs
from finetune_app.web.body_limit import file_too_large


def upload_dataset(
    access: Access, *, name: str, file: "UploadedFile[bytes]", leave_out_bad_rows: bool = False
) -> tuple[DatasetVersion, bool]:
    """Check the file and keep it as the next version of the dataset `name`, which is made when it is new.

    Returns:
        The version, and whether it was made now: the same bytes in the same dataset are the same version.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `file_too_large`, `bad_rows`, or a code of `checking.check`.
    """
    access.require(Role.EDITOR)
    name = check_name(name)
    if (file.size or 0) > settings.UPLOAD_LIMIT_BYTES:
        raise upload_limit_error()
    report = check(file)
    if report.tally.bad_count and not leave_out_bad_rows:
        raise _bad_rows(report)
    if report.tally.bad_count > BAD_ROWS_KEPT:
        raise UserError(
            "bad_rows",
            f"{report.tally.bad_count:,} rows are bad; no more than {BAD_ROWS_KEPT:,} can be left out. "
            "Mend the file and upload it again.",
            field="file",
            details=bad_row_details(report.tally.bad_rows[:BAD_ROWS_SHOWN]),
        )
    _store(file, report.sha256)
    return keep_version(access.workspace, name=name, file_name=file.name or "", report=report, user=access.user)


def upload_limit_error() -> UserError:
    """The refusal of a file over the limit, also of one that was never kept (`web/body_limit.py`)."""
    return file_too_large(settings.UPLOAD_LIMIT_BYTES)


def _bad_rows(report: CheckReport) -> UserError:
    tally = report.tally
    total = tally.rows + tally.bad_count
    shown = f" The first {BAD_ROWS_SHOWN} are listed." if tally.bad_count > BAD_ROWS_SHOWN else ""
    return UserError(
        "bad_rows",
        f"{tally.bad_count:,} of {total:,} rows cannot be trained on, so nothing was saved.{shown} "
        "Mend them, or choose to leave bad rows out.",
        field="file",
        details=bad_row_details(tally.bad_rows[:BAD_ROWS_SHOWN]),
    )


def _store(file: "UploadedFile[bytes]", sha256: str) -> None:
    """The blob is there before the row that names it. A file that Django kept in memory is a small one."""
    if isinstance(file, TemporaryUploadedFile):
        blobs.put_file(Path(file.temporary_file_path()), sha256=sha256)
    else:
        file.seek(0)
        blobs.put_bytes(file.read())
