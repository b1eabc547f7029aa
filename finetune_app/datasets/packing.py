"""How many sequences rows fill when they are packed, best fit first, as the trainer does it. Pure.

Rows of one length are placed together, so that a million rows take no longer than their different lengths.
"""

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt


def packed_sequences(lengths: npt.NDArray[np.int64], max_length: int) -> int:
    """How many sequences of `max_length` tokens hold rows of these lengths, none longer, without splitting any.

    The trainer packs a thousand rows at a time; all at once, as here, it is a little less.
    """
    values, counts = np.unique(lengths[lengths > 0], return_counts=True)
    room: dict[int, int] = {}  # tokens left in a sequence → how many sequences have that left
    spaces: list[int] = []  # the keys of `room`, sorted
    sequences = 0
    for length, count in zip(values[::-1].tolist(), counts[::-1].tolist(), strict=True):
        left = count
        while left:
            index = bisect_left(spaces, length)
            if index == len(spaces):
                sequences += _open(length, left, max_length, room, spaces)
                break
            # The tightest sequence that takes one more row is also the tightest for the next one, until it is full.
            space = spaces[index]
            each = space // length
            full = min(room[space], left // each)
            rest = 0 if full == room[space] else left - full * each
            _take(space, full + bool(rest), room, spaces)
            _add(space - each * length, full, room, spaces)
            _add(space - rest * length, int(bool(rest)), room, spaces)
            left -= full * each + rest
    return sequences


def _open(length: int, rows: int, max_length: int, room: dict[int, int], spaces: list[int]) -> int:
    """Begin as many sequences as these rows need, and fill each before the next."""
    each = max_length // length
    full, rest = divmod(rows, each)
    _add(max_length - each * length, full, room, spaces)
    if rest:
        _add(max_length - rest * length, 1, room, spaces)
    return full + bool(rest)


def _add(space: int, count: int, room: dict[int, int], spaces: list[int]) -> None:
    if space and count:
        if space not in room:
            insort(spaces, space)
        room[space] = room.get(space, 0) + count


def _take(space: int, count: int, room: dict[int, int], spaces: list[int]) -> None:
    room[space] -= count
    if not room[space]:
        del room[space]
        spaces.remove(space)
