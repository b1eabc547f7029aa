"""Where in a row's text something was found. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """The characters from `start` up to but not including `end`, and what they are, in a few words."""

    start: int
    end: int
    detail: str
