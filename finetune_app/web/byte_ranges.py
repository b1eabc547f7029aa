"""The `Range` header of RFC 9110, section 14: which bytes a client asks for. Pure.

Werkzeug parses it well, but it is a second web framework beside Django for the few lines that are needed here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_RANGES = 16
"""Who asks for more stretches than this gets everything: the RFC's advice against requests that cost more than that."""
MAX_ASKED = 200  # before those are joined that touch
# What stands between two parts of an answer is about as long; a smaller gap is cheaper sent than left out.
GAP_BYTES = 200
_UNIT = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` up to but not including `end`."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class UnsatisfiableRange(Exception):
    """All ranges lie behind the last byte."""


def parse_ranges(header: str, size: int) -> list[ByteRange] | None:
    """What a `Range` header asks for of a content of `size` bytes, in order and with gaps between; None: everything.

    None is also what is malformed, asks for another unit or for too many stretches, as the RFC allows.

    Raises:
        UnsatisfiableRange: there is none of these bytes.
    """
    unit = _UNIT.fullmatch(header)
    asked = unit[1].split(",", MAX_ASKED) if unit else []
    if not asked or len(asked) > MAX_ASKED:
        return None
    found = []
    for spec in asked:
        if not spec.strip() and len(asked) > 1:
            continue  # an empty element of a list means nothing
        match = _RANGE.fullmatch(spec)
        if not match or match.groups() == ("", "") or _is_backwards(match[1], match[2]):
            return None
        found.append(_resolved(match[1], match[2], size))
    if not found:
        return None
    there = sorted((part for part in found if part.start < part.end), key=lambda part: part.start)
    if not there:
        raise UnsatisfiableRange
    joined = list(_joined(there))
    return joined if len(joined) <= MAX_RANGES else None


def _is_backwards(first: str, last: str) -> bool:
    return first != "" and last != "" and int(last) < int(first)


def _resolved(first: str, last: str, size: int) -> ByteRange:
    """The range within the content; empty when there is no such byte."""
    if not first:  # the last so many bytes
        return ByteRange(max(0, size - int(last)), size)
    return ByteRange(int(first), min(size, int(last) + 1) if last else size)


def _joined(parts: list[ByteRange]) -> Iterator[ByteRange]:
    """Parts in order of their start, those joined that overlap or all but touch."""
    current = parts[0]
    for part in parts[1:]:
        if part.start <= current.end + GAP_BYTES:
            current = ByteRange(current.start, max(current.end, part.end))
        else:
            yield current
            current = part
    yield current
