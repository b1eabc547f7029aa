"""Dataset versions over REST: make, compare, delete, download; and how far a task on a version is."""

from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, JsonResponse
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import get_dataset, get_task, get_version
from finetune_app.datasets.api import router as datasets_router
from finetune_app.datasets.comparison import Group
from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.compare_versions import compare_versions, row_numbers
from finetune_app.datasets.services.delete_dataset import delete_dataset, delete_version
from finetune_app.datasets.services.derive_version import derive_version
from finetune_app.datasets.services.download_rows import DownloadFormat, download_content, request_download
from finetune_app.datasets.task_schema import Again, DatasetTaskOut
from finetune_app.web.ranged import ranged_response
from finetune_app.web.schemas import ErrorOut, Limit, Offset
from finetune_app.work.states import TaskState

router = Router()
VERSION = "/{name}/versions/{int:number}"
BYTES = {"schema": {"type": "string", "format": "binary"}}
NOT_YET = "A worker makes it; ask again."


class RowNumbersOut(Schema):
    """Where a row stands in both versions, from 1; null where it is not."""

    before: int | None
    after: int | None


class ComparisonOut(Schema):
    """What differs between two versions. Rows are counted as often as they occur."""

    unchanged: int = Field(description="Rows that both versions have.")
    changed: int = Field(description="Rows with the same prompt that are otherwise different.")
    added: int = Field(description="Other rows of the newer version.")
    removed: int = Field(description="Other rows of the older version.")
    group: Group = Field(description="Which rows `items` lists.")
    items: list[RowNumbersOut]
    count: int = Field(description="Of all rows of the group.")


class TaskOut(Schema):
    """A task that was asked for."""

    task: DatasetTaskOut


class VersionsIn(Schema):
    """Which versions are compared."""

    before: int = Field(alias="from", description="The older version's number.")
    after: int = Field(alias="to", description="The newer version's number.")


@router.post(
    f"{VERSION}/derive",
    response={202: TaskOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Make a version of a version's rows",
)
def derive(request: ApiRequest, name: str, number: int, steps: Derivation) -> Status[TaskOut]:
    """Queue it: 202. The task's result names `dataset` and `version`, and `counts` that add up.

    The same steps again are the same task, and make the same version.
    """
    task = derive_version(request.auth, get_version(request.auth, name, number), steps)
    return Status(202, _task_out(task, request))


@router.get(
    f"{VERSION}/tasks/{{int:task_id}}",
    response={200: DatasetTaskOut, 404: ErrorOut},
    url_name="dataset_task",
    summary="How far a task is",
)
def show_task(request: ApiRequest, name: str, number: int, task_id: int) -> DatasetTaskOut:
    """Any task on a version: its state, and its result or why it failed."""
    return DatasetTaskOut.of(get_task(get_version(request.auth, name, number), task_id), request)


@router.get(
    "/{name}/compare",
    response={200: ComparisonOut, 202: TaskOut, 404: ErrorOut, 422: ErrorOut},
    summary="Compare two versions",
)
def compare(
    request: ApiRequest,
    name: str,
    versions: Annotated[VersionsIn, Query()],
    *,
    group: Group = Group.CHANGED,
    limit: Limit = 50,
    offset: Offset = 0,
    again: Again = False,
) -> Status[ComparisonOut] | Status[TaskOut]:
    """The counts, and a page of the row numbers of one group: 200.

    While a worker compares them, and when that failed, the task: 202.
    """
    before = get_version(request.auth, name, versions.before)
    after = get_version(request.auth, name, versions.after)
    task = compare_versions(before, after, user=request.auth.user, try_again=again)
    if task.state != TaskState.SUCCEEDED:
        return Status(202, _task_out(task, request))
    counts = task.result["counts"]
    items = [RowNumbersOut(before=row.before, after=row.after) for row in row_numbers(task, group, offset, limit)]
    return Status(200, ComparisonOut(**counts, group=group, items=items, count=counts[group]))


@datasets_router.delete(  # the router that answers GET there: Django takes the first one with the address
    VERSION,
    response={204: None, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut},
    summary="Delete a version",
)
def remove_version(request: ApiRequest, name: str, number: int) -> Status[None]:
    """Delete it, and its dataset when it was the only one. 409 `in_use` while a job or an adapter depends on it."""
    delete_version(request.auth, get_version(request.auth, name, number))
    return Status(204, None)


@datasets_router.delete(
    "/{name}",
    response={204: None, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut},
    summary="Delete a dataset",
)
def remove_dataset(request: ApiRequest, name: str) -> Status[None]:
    """Delete it with all its versions. 409 `in_use` while a job or an adapter depends on one."""
    delete_dataset(request.auth, get_dataset(request.auth, name))
    return Status(204, None)


def _downloads() -> dict[str, Any]:
    content = dict.fromkeys(("application/jsonl", "application/vnd.apache.parquet"), BYTES)
    return {
        "responses": {
            200: {"description": "All bytes. The ETag is their SHA-256.", "content": content},
            202: {"description": f"The task. {NOT_YET}"},
            206: {"description": "The bytes that `Range` asked for.", "content": content},
            304: {"description": "`If-None-Match` names these bytes."},
            416: {"description": "There are no such bytes; `Content-Range` says how many there are."},
        }
    }


@router.api_operation(["HEAD"], f"{VERSION}/download", include_in_schema=False)
@router.get(
    f"{VERSION}/download",
    url_name="dataset_download",
    summary="Download a version's rows",
    openapi_extra=_downloads(),
)
async def download(
    request: ApiRequest,
    *,
    name: str,
    number: int,
    format: DownloadFormat = DownloadFormat.JSONL,
    again: Again = False,
) -> HttpResponseBase:
    """The rows as JSONL or Parquet; takes ranges, so a download can be resumed.

    While a worker makes the file, and when that failed, the task: 202.
    """
    version = await sync_to_async(get_version)(request.auth, name, number)
    found = await sync_to_async(_download)(request, version, format, again=again)
    return found if isinstance(found, HttpResponseBase) else ranged_response(request, found)


def _download(request: ApiRequest, version: DatasetVersion, wanted: DownloadFormat, *, again: bool) -> Any:
    content = download_content(version, wanted)
    if content is not None:
        return content
    task = request_download(version, wanted, user=request.auth.user, try_again=again)
    return JsonResponse(_task_out(task, request).model_dump(mode="json"), status=202)


def _task_out(task: DatasetTask, request: ApiRequest) -> TaskOut:
    return TaskOut(task=DatasetTaskOut.of(task, request))
