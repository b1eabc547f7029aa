"""The rows of the most common words and pairs of words, as bits in the search file: a table `common`. Pure.

FTS5 walks through every row that has a word, and for a phrase through every place of its words as well. With words
that stand in most of a million rows that takes a quarter of a second; two lists of bits are put together in none. Only
large files have the table, and what is not in it is left to FTS5, so it decides how fast a search is and never what it
finds.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from finetune_app.datasets.row_words import Bits, matching_bits, words_in_memory, words_of

FEWEST_ROWS = 100_000  # of fewer FTS5 answers quickly enough
SAMPLE_ROWS = 2_000
SAMPLE_CHARACTERS = 20_000  # of each row of the sample, so that its memory stays small
WORD_SHARE, WORDS = 0.125, 128  # a word in fewer of the rows, or after so many more common ones, is not kept
# A phrase takes long when both words are in very many rows; it is kept when it is in some rows itself.
PAIR_WORD_SHARE, PAIR_WORDS = 0.4, 64
PAIR_SHARE, PAIRS = 0.02, 32
PAIRS_QUERY = """
SELECT first.term || ' ' || second.term, count(DISTINCT first.doc) AS found
FROM often AS first JOIN often AS second ON second.doc = first.doc AND second.offset = first.offset + 1
GROUP BY 1 HAVING found >= ? ORDER BY found DESC, 1 LIMIT ?
"""


class Sample:
    """Rows taken at even distances, to learn which words are common without counting all."""

    def __init__(self, total: int) -> None:
        """`total` is how many rows there will be; when it is wrong, a few words are missed."""
        self._every = max(1, total // SAMPLE_ROWS)
        self._limit = 2 * SAMPLE_ROWS if total >= FEWEST_ROWS else 0
        self._taken = 0
        self.rows = 0  # up to the last that went by
        self._base = words_in_memory()

    def watch(self, entries: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Give the entries (position, text) on, and look at some of them."""
        for position, text in entries:
            if self._taken < self._limit and position % self._every == 0:
                self._taken += 1
                row = (self._taken, text[:SAMPLE_CHARACTERS])
                self._base.execute("INSERT INTO words(rowid, text) VALUES (?, ?)", row)
            self.rows = position + 1
            yield position, text

    def terms(self) -> list[str]:
        """The common words and pairs, a blank between the words of a pair."""
        with closing(self._base) as base:
            return [*self._words(base, WORD_SHARE, WORDS), *self._pairs(base)] if self._taken else []

    def _words(self, base: sqlite3.Connection, share: float, most: int) -> list[str]:
        found = base.execute(
            "SELECT term FROM counts WHERE doc >= ? ORDER BY doc DESC, term LIMIT ?", (share * self._taken, most)
        )
        return [word for (word,) in found]

    def _pairs(self, base: sqlite3.Connection) -> list[str]:
        base.execute("CREATE TABLE often (doc, offset, term, PRIMARY KEY (doc, offset)) WITHOUT ROWID")
        for word in self._words(base, PAIR_WORD_SHARE, PAIR_WORDS):
            base.execute("INSERT INTO often SELECT doc, offset, term FROM places WHERE term = ?", (word,))
        return [pair for pair, _ in base.execute(PAIRS_QUERY, (PAIR_SHARE * self._taken, PAIRS))]


def keep_common(path: Path, terms: Sequence[str], total: int) -> None:
    """Find the rows of these terms, one term after the other, and add them to the search file of `total` rows."""
    # FTS5 splits what it is asked for once more, and what that changes would be kept under the wrong name.
    terms = [term for term, words in zip(terms, words_of(terms), strict=True) if " ".join(words) == term]
    if not terms:
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            base.execute(f"PRAGMA {pragma}")
        base.execute("CREATE TABLE common (term TEXT PRIMARY KEY, rows BLOB NOT NULL)")
        for term in terms:
            bits = matching_bits(path, f'"{term}"', total)
            base.execute("INSERT INTO common VALUES (?, ?)", (term, bits.tobytes()))


def rows_with_common(base: sqlite3.Connection) -> int:
    """How many rows the lists of bits speak of, up to seven too many; 0 when the file has none."""
    if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'common'").fetchone():
        return 0
    return 8 * int(base.execute("SELECT length(rows) FROM common LIMIT 1").fetchone()[0])


def common_rows(base: sqlite3.Connection, terms: Sequence[str]) -> list[Bits | None]:
    """The rows that have each of FTS5's terms; None for a term that is not kept, as no beginning of a word is."""
    found = []
    for term, words in zip(terms, words_of(terms), strict=True):
        phrase = "" if term.endswith("*") else " ".join(words)
        row = base.execute("SELECT rows FROM common WHERE term = ?", (phrase,)).fetchone()
        found.append(np.frombuffer(row[0], np.uint8) if row else None)
    return found
