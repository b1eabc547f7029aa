"""Rows as numbers of 64 bits that are equal where the rows are, on every machine; and drawing lots by them. Pure."""

from enum import IntEnum
from hashlib import blake2b
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from finetune_app.datasets.row_types import TrainingRow

Keys = npt.NDArray[np.uint64]
_encode = msgspec.msgpack.Encoder().encode


def lesson_key(row: TrainingRow) -> int:
    """What the row teaches: all of it but its number and its split."""
    return _key(msgspec.structs.replace(row, number=0, split=None))


def whole_key(row: TrainingRow) -> int:
    """All of the row but its number."""
    return _key(msgspec.structs.replace(row, number=0))


def prompt_key(row: TrainingRow) -> int:
    """What stands before the answer; 0 for a row that has no prompt."""
    return _key(row.prompt) if row.prompt else 0


class Purpose(IntEnum):
    """What lots are drawn for: with one seed, a sample and a split must not choose the same rows."""

    SAMPLE = 1
    SHUFFLE = 2
    SPLIT = 3


def lots(keys: Keys, seed: int, purpose: Purpose) -> Keys:
    """A number for each key, as if drawn from all 64-bit numbers; equal keys draw the same, another seed draws anew."""
    return mix(keys ^ mix(np.array([seed << 8 | purpose], np.uint64)))


def mix(values: Keys) -> Keys:
    """SplitMix64's finalizer: one bit more or less in a value changes half of the bits of the result."""
    mixed = values.copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)  # overflows on purpose, without a warning as it is an array
    return cast("Keys", mixed ^ (mixed >> np.uint64(31)))


def below_share(numbers: Keys, share: float) -> npt.NDArray[np.bool_]:
    """Which of the lots fall into the first `share` (0–1) of all numbers."""
    return numbers < np.uint64(min(int(share * 2**64), 2**64 - 1))


def _key(value: object) -> int:
    return int.from_bytes(blake2b(_encode(value), digest_size=8).digest(), "little")
