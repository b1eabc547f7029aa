"""The SQLite file of a version's words, at its lowest: ask FTS5 for rows, and split texts as FTS5 does. Pure."""

import os
import re
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.row_index import Positions

WORDS_OPTIONS = "content='', columnsize=0, detail=full, tokenize='unicode61 remove_diacritics 2'"
LONGER_BEGINNING = re.compile(r'[^\W_]{3,}\W*"\*')  # than those of two letters, which lie ready
THREADS = min(4, os.cpu_count() or 1)

Bits = npt.NDArray[np.uint8]  # a bit for each row, as `np.packbits` makes them


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that nobody writes any more."""
    base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    base.execute(f"PRAGMA mmap_size={path.stat().st_size}")
    return base


def matching(path: Path, query: str, start: int = 0, end: int = 2**62) -> Positions:
    """The positions from `start` up to but not including `end` that FTS5 finds, ascending."""
    with closing(open_to_read(path)) as base:
        # One text with all numbers: a Python object for each of a million matches would take five times as long.
        found = base.execute(
            "SELECT group_concat(rowid) FROM words WHERE words MATCH ? AND rowid >= ? AND rowid < ?",
            (query, start, end),
        ).fetchone()[0]
    return np.fromstring(found or "", dtype=np.int64, sep=",")


def matching_bits(path: Path, query: str, total: int) -> Bits:
    """The rows among the first `total` that FTS5 finds; ranges of them side by side, since SQLite lets threads run.

    The rows of a longer beginning of a word are put together anew for each range, so they are asked for at once.
    """
    step = max(1, total if LONGER_BEGINNING.search(query) else -(-total // THREADS))
    found = np.zeros(total, np.bool_)

    def mark(start: int) -> None:
        found[matching(path, query, start, start + step)] = True

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(mark, range(0, total, step)))
    return np.packbits(found)


def words_of(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text, as the table of words would keep them."""
    with closing(words_in_memory()) as base:
        found: list[list[str]] = []
        for number, text in enumerate(texts):
            base.execute("INSERT INTO words(rowid, text) VALUES (?, ?)", (number, text))
            found.append([])
        for number, word in base.execute("SELECT doc, term FROM places ORDER BY doc, offset"):
            found[number].append(word)
    return found


def words_in_memory() -> sqlite3.Connection:
    """An empty table `words` with two looks at it: `counts` (term, doc, cnt) and `places` (term, doc, col, offset)."""
    base = sqlite3.connect(":memory:", isolation_level=None)
    base.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, {WORDS_OPTIONS})")
    base.execute("CREATE VIRTUAL TABLE counts USING fts5vocab(words, row)")
    base.execute("CREATE VIRTUAL TABLE places USING fts5vocab(words, instance)")
    return base
