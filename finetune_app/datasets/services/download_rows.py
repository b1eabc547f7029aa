"""What can be downloaded of a dataset version: its rows as JSONL, which most versions are, or as Parquet."""

from enum import StrEnum
from functools import partial

from finetune_app.accounts.models import User
from finetune_app.datasets.formats import FileFormat
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError
from finetune_app.storage.spans import blob_pieces
from finetune_app.web.ranged import Content
from finetune_app.work.states import TaskState


class DownloadFormat(StrEnum):
    """The kinds of files."""

    JSONL = "jsonl"
    PARQUET = "parquet"


CONTENT_TYPES = {
    DownloadFormat.JSONL: "application/jsonl",
    DownloadFormat.PARQUET: "application/vnd.apache.parquet",
}


def parse_format(value: str) -> DownloadFormat:
    """The format of this name.

    Raises:
        UserError: `invalid_format`.
    """
    try:
        return DownloadFormat(value)
    except ValueError:
        raise UserError(
            "invalid_format", "Rows come as “jsonl” or “parquet”. Choose one of them.", field="format"
        ) from None


def download_content(version: DatasetVersion, wanted: DownloadFormat) -> Content | None:
    """The file, when it is there; None while a worker has not made it yet."""
    if wanted is DownloadFormat.JSONL and version.file_format == FileFormat.JSONL:
        return _content(version, wanted, version.sha256, version.size)
    task = find_task(version, TaskKind.EXPORT, _params(wanted))
    if task is None or task.state != TaskState.SUCCEEDED:
        return None
    return _content(version, wanted, task.result["sha256"], task.result["size"])


def request_download(
    version: DatasetVersion, wanted: DownloadFormat, *, user: User | None = None, try_again: bool = True
) -> DatasetTask:
    """The task that makes the file; `try_again` queues it anew when it failed before."""
    return request_task(version, TaskKind.EXPORT, _params(wanted), user=user, again=try_again)


def _params(wanted: DownloadFormat) -> dict[str, str]:
    return {"format": wanted.value}


def _content(version: DatasetVersion, wanted: DownloadFormat, sha256: str, size: int) -> Content:
    return Content(
        file_name=f"{version.dataset.name}-v{version.number}.{wanted.value}",
        size=size,
        sha256=sha256,
        read=partial(blob_pieces, sha256),
        content_type=CONTENT_TYPES[wanted],
    )
