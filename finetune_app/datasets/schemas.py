"""The JSON of datasets over REST, with words for the OpenAPI document."""

from datetime import datetime
from typing import Any, Self

from ninja import Field, Schema

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.import_source import sources_in
from finetune_app.datasets.models import Dataset, DatasetVersion


class BadRowOut(Schema):
    """A row that was left out."""

    row: int = Field(description="Its number in the uploaded file, from 1; blank lines do not count.")
    reason: str
    text: str = Field("", description="What stands in the file, cut; empty for versions of older releases.")
    file: str = Field("", description="Where several files were uploaded: the name of its file.")


class FileReadOut(Schema):
    """A file whose rows were written anew as JSONL."""

    name: str
    kind: str = Field(description="What it was: `CSV, gzip`.")


class VersionOut(Schema):
    """One immutable version of a dataset."""

    dataset: str = Field(description="Its name.")
    version: int
    sha256: str = Field(description="Of the stored rows, which are JSONL.")
    size: int = Field(description="Bytes.")
    file_name: str
    file_format: FileFormat
    form: RowForm = Field(description="What the rows look like.")
    rows_read: int = Field(description="What was uploaded: `rows` and `bad_count`.")
    rows: int = Field(description="Good rows.")
    train_rows: int = Field(description="Rows that name the split `train` for themselves.")
    held_out_rows: int = Field(description="Rows that name the split `held_out`.")
    bad_count: int = Field(description="Rows that were left out.")
    bad_rows: list[BadRowOut] = Field(description="The rows that were left out, with reasons.")
    read_from: list[FileReadOut] = Field(description="Empty when the file is stored as it was uploaded.")
    sources: list[dict[str, Any]] = Field(
        description="From where the rows were fetched, with what pins it (a hub's `commit`); empty when uploaded."
    )
    created_by: str | None = Field(description="Who uploaded it.")
    created_at: datetime

    @classmethod
    def of(cls, version: DatasetVersion) -> Self:
        """The version as JSON."""
        return cls(
            dataset=version.dataset.name,
            version=version.number,
            sha256=version.sha256,
            size=version.size,
            file_name=version.file_name,
            file_format=FileFormat(version.file_format),
            form=RowForm(version.row_form),
            rows_read=version.rows_read,
            rows=version.rows,
            train_rows=version.train_rows,
            held_out_rows=version.held_out_rows,
            bad_count=len(version.bad_rows),
            bad_rows=version.bad_rows,
            read_from=version.origin.get("read_from", []),
            sources=sources_in(version.origin),
            created_by=version.created_by.username if version.created_by else None,
            created_at=version.created_at,
        )


class DatasetOut(Schema):
    """A dataset in the list, with its newest version in short."""

    name: str
    version: int = Field(description="The newest.")
    form: RowForm
    rows: int = Field(description="Good rows of the newest version.")
    size: int = Field(description="Bytes of the newest version.")
    sha256: str = Field(description="Of the newest version.")
    updated_at: datetime = Field(description="When the newest version was uploaded.")

    @classmethod
    def of(cls, newest: DatasetVersion) -> Self:
        """The dataset of its newest version as JSON."""
        return cls(
            name=newest.dataset.name,
            version=newest.number,
            form=RowForm(newest.row_form),
            rows=newest.rows,
            size=newest.size,
            sha256=newest.sha256,
            updated_at=newest.created_at,
        )


class DatasetsOut(Schema):
    """A page of the list."""

    items: list[DatasetOut]
    count: int = Field(description="Of all datasets.")


class DatasetDetailOut(Schema):
    """A dataset with all its versions."""

    name: str
    created_at: datetime
    versions: list[VersionOut] = Field(description="The newest first.")

    @classmethod
    def of(cls, dataset: Dataset, versions: list[DatasetVersion]) -> Self:
        """The dataset as JSON."""
        return cls(
            name=dataset.name,
            created_at=dataset.created_at,
            versions=[VersionOut.of(version) for version in versions],
        )
