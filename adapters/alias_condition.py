"""What a caller believes of an alias before it is changed: `If-Match` and `If-None-Match` of RFC 9110. Pure.

An alias's ETag is how often it was moved, `"7"`. It never counts back, also not when the alias is taken away and made
again, so who has seen an older alias never changes a newer one unseen.
"""

import re
from dataclasses import dataclass
from typing import Self

from finetune_app.errors import UserError

_ETAGS = re.compile(r'\s*"\d{1,9}"\s*(,\s*"\d{1,9}"\s*)*')


@dataclass(frozen=True)
class AliasCondition:
    """`moves`: its count must be one of these; else it must be there (`exists`), or not (`False`), or either."""

    moves: frozenset[int] | None = None
    exists: bool | None = None

    @classmethod
    def seen(cls, moves: int | None) -> Self:
        """It must be as somebody saw it: with this count, or not there when None."""
        return cls(exists=False) if moves is None else cls(moves=frozenset({moves}))

    @classmethod
    def from_headers(cls, if_match: str | None, if_none_match: str | None) -> Self:
        """What the headers of a request ask for; without them the alias may be as it likes.

        Raises:
            UserError: `invalid_condition`: a header says what an alias cannot be.
        """
        if if_none_match is not None:
            if if_none_match.strip() != "*" or if_match is not None:
                raise UserError("invalid_condition", "Send “If-None-Match: *” alone, to make an alias that is new.")
            return cls(exists=False)
        if if_match is None:
            return cls()
        if if_match.strip() == "*":
            return cls(exists=True)
        if not _ETAGS.fullmatch(if_match):
            raise UserError(
                "invalid_condition", '“If-Match” is the alias\'s ETag as it was sent, e.g. If-Match: "3", or *.'
            )
        return cls(moves=frozenset(int(etag) for etag in re.findall(r"\d+", if_match)))

    def holds(self, moves: int | None) -> bool:
        """Whether it is true of an alias that was moved so often; None: there is no such alias."""
        if self.moves is not None:
            return moves in self.moves
        return self.exists is None or self.exists == (moves is not None)


def etag_of(moves: int) -> str:
    """The ETag of an alias that was moved so often."""
    return f'"{moves}"'
