"""Datasets over REST: upload, list, look."""

from typing import Annotated

from ninja import File, Form, Router
from ninja.files import UploadedFile
from ninja.responses import Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import get_dataset, get_version, newest_versions_of, versions_of
from finetune_app.datasets.how_to_read import how_to_read
from finetune_app.datasets.schemas import DatasetDetailOut, DatasetOut, DatasetsOut, VersionOut
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
UPLOAD_RESPONSES = {200: VersionOut, 201: VersionOut, 403: ErrorOut, 413: ErrorOut, 422: ErrorOut}


@router.post("", response=UPLOAD_RESPONSES, summary="Upload a dataset version")
def upload(  # noqa: PLR0917 - ninja passes them by name
    request: ApiRequest,
    name: Annotated[str, Form(description="A new name, or one that exists: then this is its next version.")],
    file: Annotated[
        list[UploadedFile],
        File(
            description="JSONL, one JSON array, CSV, TSV or Parquet, each perhaps packed with gzip or Zstandard. Given "
            "several times, the rows of the files follow one another."
        ),
    ],
    leave_out_bad_rows: Annotated[bool, Form(description="Keep the good rows of a file that has bad ones.")] = False,
    form: Annotated[str, Form(description="What the rows look like; recognised by their keys when not given.")] = "",
    columns: Annotated[
        str,
        Form(description='Which column stands for which key: `{"prompt": "question", "completion": "answer"}`.'),
    ] = "",
) -> Status[VersionOut]:
    """Check the files and keep their rows as a version: 201. The same rows again are the same version: 200.

    Files with bad rows are refused with `bad_rows`, each with its number, reason and text, and nothing is saved. Where
    no row has a known form (`no_good_rows`), the first detail has the `keys` that `columns` can name.
    """
    version, is_new = upload_dataset(
        request.auth,
        name=name,
        file=file,
        leave_out_bad_rows=leave_out_bad_rows,
        how=how_to_read(form, columns),
    )
    return Status(201 if is_new else 200, VersionOut.of(version))


@router.get("", response=DatasetsOut, summary="List datasets")
def list_datasets(
    request: ApiRequest,
    limit: Limit = 50,
    offset: Offset = 0,
) -> DatasetsOut:
    """Datasets of the workspace by their newest version, the last uploaded first."""
    newest = newest_versions_of(request.auth)
    return DatasetsOut(
        items=[DatasetOut.of(version) for version in newest[offset : offset + limit]], count=newest.count()
    )


@router.get("/{name}", response={200: DatasetDetailOut, 404: ErrorOut}, summary="One dataset")
def show(request: ApiRequest, name: str) -> DatasetDetailOut:
    """A dataset and its versions."""
    dataset = get_dataset(request.auth, name)
    return DatasetDetailOut.of(dataset, list(versions_of(dataset)))


@router.get("/{name}/versions/{int:number}", response={200: VersionOut, 404: ErrorOut}, summary="One version")
def show_version(request: ApiRequest, name: str, number: int) -> VersionOut:
    """One version of a dataset."""
    return VersionOut.of(get_version(request.auth, name, number))
