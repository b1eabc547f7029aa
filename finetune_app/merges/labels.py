"""Addresses that name one of a version's merged models: by its number, or `verified` for the newest that is."""

from typing import Annotated

from ninja import Path

from finetune_app.merges.states import Verdict
from finetune_app.names import NUMBER_DIGITS

NEWEST_VERIFIED = str(Verdict.VERIFIED)
MergedLabel = Annotated[int | str, Path(description="Its number, or `verified`: the newest that is.")]


class MergedConverter:
    """`<merged:NAME>` in an address: the number of a merged model, or `verified`."""

    regex = f"[0-9]{{1,{NUMBER_DIGITS}}}|{NEWEST_VERIFIED}"

    def to_python(self, value: str) -> int | str:
        """The number, or the word."""
        return value if value == NEWEST_VERIFIED else int(value)

    def to_url(self, value: int | str) -> str:
        """As it stands in the address."""
        return str(value)
