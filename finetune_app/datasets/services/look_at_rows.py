"""Looks at the rows of an indexed dataset version: those that are wanted, in the wanted order, a page at a time.

The index and the words are files of this machine (`local_files.py`); of the version's own file only the bytes of the
rows on the page are read.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.fetch_ahead import fetch_soon, fetched
from finetune_app.datasets.formats import BadRow, RowForm, Split, TrainingRow
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.local_files import local_file
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.preview import preview
from finetune_app.datasets.row_index import (
    SPLITS,
    Positions,
    Records,
    RowFilter,
    Sort,
    load_index,
    position_of,
    wanted_positions,
)
from finetune_app.datasets.row_search import find_positions
from finetune_app.datasets.rows import RowReader
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState

BATCH_BYTES = 8 * 1024 * 1024  # rows are read and cut in batches: a page may be of rows of 16 MiB each
PAGE_LIMIT_BYTES = 64 * 1024 * 1024  # of rows that are given out whole
AHEAD_CHARACTERS = 50_000_000  # from so many on, the first search would wait for the words to be brought here


@dataclass(frozen=True)
class RowsQuery:
    """What a person looks for: words (see `row_search.match_query`), filters, an order."""

    search: str = ""
    wanted: RowFilter = field(default_factory=RowFilter)
    sort: Sort = Sort.FILE


@dataclass(frozen=True)
class FoundRow:
    """One row with what the index says of it; `content` is its JSON as it lies in the file."""

    number: int
    split: Split | None
    messages: int
    characters: int
    answer_characters: int
    content: bytes

    def value(self) -> Any:
        """The row's JSON, decoded; a number that JSON could not carry on, such as 1e999, becomes a text."""
        return _decoder.decode(self.content)


class FoundRows:
    """The rows that match, in order; reads those of a slice. A Django paginator takes it for a list."""

    def __init__(self, records: Records, positions: Positions | range, blob: str, form: RowForm) -> None:
        self._records = records
        self._positions = positions
        self._blob = blob
        self._reader = RowReader(HowToRead(form))

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        """The rows of a page as `preview` shows them."""
        return [
            preview(self._training_row(found)) | {"characters": found.characters}
            for batch in self._batches(part)
            for found in batch
        ]

    def whole(self, part: slice) -> list[FoundRow]:
        """The rows of a page with all that is in them.

        Raises:
            UserError: `page_too_large`.
        """
        size = sum(int(self._records["length"][position]) for position in self._positions[part])
        if size > PAGE_LIMIT_BYTES:
            raise UserError(
                "page_too_large",
                f"These rows have {size / 2**20:,.0f} MiB; one answer holds {PAGE_LIMIT_BYTES // 2**20}. "
                "Ask for fewer with “limit”, or download the file.",
                field="limit",
            )
        return [found for batch in self._batches(part) for found in batch]

    def _batches(self, part: slice) -> Iterator[list[FoundRow]]:
        chosen: list[Any] = []
        size = 0
        for position in self._positions[part]:
            record = self._records[position]
            if chosen and size + int(record["length"]) > BATCH_BYTES:
                yield self._read(chosen)
                chosen, size = [], 0
            chosen.append(record)
            size += int(record["length"])
        if chosen:
            yield self._read(chosen)

    def _read(self, records: list[Any]) -> list[FoundRow]:
        spans = [(int(record["offset"]), int(record["offset"]) + int(record["length"])) for record in records]
        return [
            FoundRow(
                number=int(record["number"]),
                split=SPLITS[int(record["split"])],
                messages=int(record["messages"]),
                characters=int(record["characters"]),
                answer_characters=int(record["answer_characters"]),
                content=content,
            )
            for record, content in zip(records, blobs.read_spans(self._blob, spans), strict=True)
        ]

    def _training_row(self, found: FoundRow) -> TrainingRow:
        row = self._reader.from_bytes(found.number, found.content)
        if isinstance(row, BadRow):
            raise blobs.BlobDamaged(self._blob)  # it was good when it was indexed
        return row


def index_of(version: DatasetVersion) -> DatasetTask | None:
    """The task that indexes the version, as it stands; None when nobody has asked for it."""
    return find_task(version, TaskKind.INDEX)


def request_index(access: Access, version: DatasetVersion) -> DatasetTask:
    """Ask for the index, for the first time or again after it failed.

    Raises:
        UserError: `not_allowed`, for a viewer.
    """
    access.require(Role.EDITOR)
    return request_task(version, TaskKind.INDEX, user=access.user)


def find_rows(version: DatasetVersion, task: DatasetTask | None, query: RowsQuery) -> FoundRows:
    """The rows of the version that match.

    Args:
        version: what the caller has reached.
        task: `index_of(version)`.
        query: what is wanted.

    Raises:
        UserError: `not_indexed`.
    """
    facts = _index_facts(task)
    records = load_index(local_file(facts["index_blob"]))
    found = None
    if query.search.strip():
        found = find_positions(fetched(facts["search_blob"]), query.search)
    elif facts["characters"] >= AHEAD_CHARACTERS:
        fetch_soon(facts["search_blob"])
    positions = wanted_positions(records, query.wanted, query.sort, found)
    return FoundRows(records, positions, facts["rows_blob"], RowForm(version.row_form))


def find_position(task: DatasetTask | None, number: int) -> int | None:
    """Where the row with this number stands among all good rows, from 0; None when it is not one of them.

    Raises:
        UserError: `not_indexed`.
    """
    return position_of(load_index(local_file(_index_facts(task)["index_blob"])), number)


def read_row(task: DatasetTask | None, number: int) -> bytes | None:
    """The JSON of the row with this number as it lies in the file; None when it is not one of the good rows.

    Raises:
        UserError: `not_indexed`.
        blobs.BlobMissing: the storage lost the rows or their index.
        blobs.BlobDamaged: they are not what they were.
    """
    facts = _index_facts(task)
    records = load_index(local_file(facts["index_blob"]))
    position = position_of(records, number)
    if position is None:
        return None
    offset, length = int(records["offset"][position]), int(records["length"][position])
    return blobs.read_spans(facts["rows_blob"], [(offset, offset + length)])[0]


def _index_facts(task: DatasetTask | None) -> dict[str, Any]:
    if task is None or task.state != TaskState.SUCCEEDED:
        raise UserError("not_indexed", _why_not_indexed(task), status=409)
    facts: dict[str, Any] = task.result
    return facts


def _why_not_indexed(task: DatasetTask | None) -> str:
    if task is None:
        return "The rows of this version are not indexed. Ask for it on its page “Rows”."
    if task.state == TaskState.FAILED:
        return f"The rows of this version could not be indexed: {task.error} Try again on its page “Rows”."
    return "The rows of this version are being indexed. Ask again in a moment."


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


_decoder = msgspec.json.Decoder(float_hook=_number)
