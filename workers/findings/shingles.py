"""A text as its word triples, which near duplicates share. Pure.

Case and punctuation do not count, and a Chinese or Japanese character is a word. Triples that stand in many rows are
left out: a long common instruction would make all rows look alike. Where too little is left of a row it keeps them,
so that many copies of one row are still found.
"""

import re
from array import array

import numpy as np

WORDS = re.compile(r"\w+")
WORDS_AND_CHARACTERS = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+"
)
SIZE = 3
CHARACTERS_READ = 100_000  # of a very long row; what follows does not count
SAMPLED_ROWS = 2_000
COMMON_SHARE, COMMON_ROWS = 0.01, 20  # a common triple stands in so many of the sampled rows
LEAST_OWN = 5


def shingles(text: str) -> list[str]:
    """The word triples; a text of fewer words is one shingle, a text without words has none."""
    start = text[:CHARACTERS_READ].lower()
    words = (WORDS if start.isascii() else WORDS_AND_CHARACTERS).findall(start)
    if len(words) < SIZE:
        return [" ".join(words)] if words else []
    return list(map("{} {} {}".format, words, words[1:], words[2:]))


class CommonShingles:
    """Learns from a sample of rows which shingles are common, then tells each row's own."""

    def __init__(self) -> None:
        self._seen_rows: set[int] = set()
        self._hashes = array("q")
        self._common: frozenset[int] = frozenset()

    def learn(self, text: str) -> None:
        """Take one row of the sample; the same row again teaches nothing."""
        found = shingles(text)
        row = hash(tuple(found))
        if row not in self._seen_rows:
            self._seen_rows.add(row)
            self._hashes.extend(set(map(hash, found)))

    def settle(self) -> None:
        """The sample is complete."""
        values, counts = np.unique(np.frombuffer(self._hashes, dtype=np.int64), return_counts=True)
        least = max(COMMON_ROWS, COMMON_SHARE * len(self._seen_rows))
        self._common = frozenset(values[counts >= least].tolist())
        self._hashes = array("q")

    def own(self, text: str) -> list[str]:
        """The row's shingles without the common ones."""
        found = shingles(text)
        if not self._common:
            return found
        own = [shingle for shingle in found if hash(shingle) not in self._common]
        return own if len(own) >= LEAST_OWN else found
