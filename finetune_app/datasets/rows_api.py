"""The rows of a dataset version over REST."""

from typing import Any, Self

from ninja import Field, Query, Router, Schema

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import get_version
from finetune_app.datasets.formats import Split
from finetune_app.datasets.row_index import RowFilter, Sort
from finetune_app.datasets.row_search import SEARCH_LIMIT
from finetune_app.datasets.services.look_at_rows import FoundRow, RowsQuery, find_rows, index_of
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
SEARCH_HELP = (
    'Rows that have all these words, whatever their case and accents; `"a phrase"` stands together, `begin*` begins '
    "a word of two letters or more."
)


class RowsIn(Schema):
    """Which rows, in which order."""

    search: str = Field("", max_length=SEARCH_LIMIT, description=SEARCH_HELP)
    split: Split | None = Field(None, description="Rows that name this split for themselves.")
    min_chars: int | None = Field(None, ge=0, description="Rows with at least so many characters.")
    max_chars: int | None = Field(None, ge=0, description="Rows with at most so many characters.")
    messages: int | None = Field(None, ge=0, description="Rows with so many messages, the answer counted.")
    sort: Sort = Field(Sort.FILE, description="As in the `file`, or by the characters of all texts of a row.")

    def query(self) -> RowsQuery:
        """What is asked for."""
        wanted = RowFilter(split=self.split, min_chars=self.min_chars, max_chars=self.max_chars, messages=self.messages)
        return RowsQuery(self.search, wanted, self.sort)


class RowOut(Schema):
    """One row."""

    row: int = Field(description="Its number in the file, from 1; rows that were left out have theirs too.")
    split: Split | None = Field(description="The part that the row names for itself.")
    messages: int = Field(description="How many, with the answer; 0 for plain text.")
    characters: int = Field(description="Of all texts of the row.")
    answer_characters: int = Field(description="Of what is learned: the answer, or the whole plain text.")
    content: Any = Field(description="The row as it stands in the file, a JSON object.")

    @classmethod
    def of(cls, found: FoundRow) -> Self:
        """The row as JSON."""
        return cls(
            row=found.number,
            split=found.split,
            messages=found.messages,
            characters=found.characters,
            answer_characters=found.answer_characters,
            content=found.value(),
        )


class RowsOut(Schema):
    """A page of the rows that match."""

    items: list[RowOut]
    count: int = Field(description="Of all rows that match.")


@router.get(
    "/{name}/versions/{int:number}/rows",
    response={200: RowsOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    summary="Rows of a version",
)
def rows(
    request: ApiRequest, name: str, number: int, *, wanted: Query[RowsIn], limit: Limit = 50, offset: Offset = 0
) -> RowsOut:
    """The good rows that match, a page of them.

    A new version is indexed by a worker right after its upload; until then the answer is 409 `not_indexed`.
    """
    version = get_version(request.auth, name, number)
    found = find_rows(version, index_of(version), wanted.query())
    page = found.whole(slice(offset, offset + limit))
    return RowsOut(items=[RowOut.of(row) for row in page], count=len(found))
