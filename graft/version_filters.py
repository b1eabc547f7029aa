"""What a list of versions can be narrowed by; the words are those of REST."""

from typing import Literal, TypedDict


class VersionFilters(TypedDict, total=False):
    """Everything that is left out does not narrow; retired versions come only when `status` asks for them."""

    q: str
    adapter: str
    base: str
    dataset: str
    metric: str
    min_score: float
    max_score: float
    method: str
    owner: str
    alias: str
    tag: str
    status: str
    origin: str
    made_from: str
    made_to: str
    order: Literal["newest", "oldest", "best", "worst"]


def check_filters(filters: VersionFilters) -> None:
    """Refuse a name that is none: the server would pass over it, and list what was not asked for.

    Raises:
        TypeError: as a function does that has no such argument.
    """
    if unknown := sorted(filters.keys() - VersionFilters.__annotations__.keys()):
        raise TypeError(
            f"versions() has no filter {unknown[0]!r}; there are {', '.join(VersionFilters.__annotations__)}"
        )
