"""Finds rows by words: an SQLite file with one FTS5 table, whose row ids are the positions in the row index. Pure.

The table keeps only which word stands where, not the texts: those lie in the version's file. Prefixes of two letters
are kept ready, because they are in nearly every row; longer ones are put together from their words when asked. The rows
of the most common words lie beside it (`common_words.py`).
"""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np

from finetune_app.datasets.common_words import Sample, common_rows, keep_common, rows_with_common
from finetune_app.datasets.row_index import Positions
from finetune_app.datasets.row_words import WORDS_OPTIONS, Bits, matching, matching_bits, open_to_read

TABLE = f"CREATE VIRTUAL TABLE words USING fts5(text, prefix='2', {WORDS_OPTIONS})"
BUILD_MEMORY_BYTES = 32 * 1024 * 1024
# Every segment is written once and all are merged once, at the end: half the time of merging now and then.
BUILD_OPTIONS = (("hashsize", BUILD_MEMORY_BYTES), ("automerge", 0), ("crisismerge", 1999))
SEARCH_LIMIT = 200  # characters of a search; what is longer is cut
KEPT_SEARCHES = 16  # whose rows are remembered, a bit for each row, for the pages after the first
SHORTEST_PREFIX = 2
PIECE = re.compile(r'"(?P<phrase>[^"]*)"(?P<star>\*?)|(?P<word>[^\s"]+)')
# Chinese and Japanese have no blanks between words, so each of their signs is a word and a word is a phrase.
SIGN = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")


def make_search_file(path: Path, entries: Iterable[tuple[int, str]], total: int = 0) -> None:
    """Write the words of all rows: (position, text), positions ascending. Memory stays flat.

    Args:
        path: where to.
        entries: the rows.
        total: how many there will be, as far as that is known; large files are searched faster when it is.

    Raises:
        sqlite3.OperationalError: the disk is full.
    """
    sample = Sample(total)
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "page_size=16384"):
            base.execute(f"PRAGMA {pragma}")
        base.execute(TABLE)
        for name, value in BUILD_OPTIONS:
            base.execute("INSERT INTO words(words, rank) VALUES (?, ?)", (name, value))
        base.execute("BEGIN")
        spaced = ((position, _spaced(text)) for position, text in entries)
        base.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", sample.watch(spaced))
        base.execute("INSERT INTO words(words) VALUES ('optimize')")
        base.execute("COMMIT")
    keep_common(path, sample.terms(), sample.rows)


def find_positions(path: Path, search: str) -> Positions:
    """The positions of the rows that have all words of `search`, ascending; of a search without a word, none."""
    terms = _terms(search)
    if not terms:
        return np.empty(0, np.int64)
    bits = _find_bits(path, path.stat().st_mtime_ns, tuple(terms))
    return np.flatnonzero(np.unpackbits(bits).view(np.bool_))


@lru_cache(KEPT_SEARCHES)
def _find_bits(path: Path, _changed: int, terms: tuple[str, ...]) -> Bits:
    """The rows that have all terms: those of common words as they were kept, FTS5 is asked only for the rest."""
    with closing(open_to_read(path)) as base:
        total = rows_with_common(base)
        kept = common_rows(base, terms) if total else [None] * len(terms)
    rest = " AND ".join(term for term, bits in zip(terms, kept, strict=True) if bits is None)
    parts = [bits for bits in kept if bits is not None]
    if rest:
        parts.append(matching_bits(path, rest, total) if total else _bits_of(matching(path, rest)))
    found: Bits = np.bitwise_and.reduce(parts)
    return found


def _bits_of(positions: Positions) -> Bits:
    found = np.zeros(positions[-1] + 1 if len(positions) else 0, np.bool_)
    found[positions] = True
    return np.packbits(found)


def forget_searches() -> None:
    """Throw away what is remembered of searches, as if the process had just started."""
    _find_bits.cache_clear()


def match_query(search: str) -> str:
    """The search as FTS5 asks for it: every word and “quoted phrase” must be there, `prefix*` begins a word.

    Whatever else a person types is words too: nothing of FTS5's own language gets through. "" without any word.
    """
    return " AND ".join(_terms(search))


def highlighter(search: str) -> re.Pattern[str] | None:
    """What of a text to mark for this search; None for nothing. It does not see through accents."""
    parts = []
    for found in PIECE.finditer(_cut(search)):
        text = found["word"] if found["phrase"] is None else found["phrase"]
        words = re.findall(r"[^\W_]+", text)
        if not words:
            continue
        joined = r"[\W_]+".join(map(re.escape, words))
        before = "" if SIGN.match(words[0][0]) else r"(?<![^\W_])"
        after = "" if SIGN.match(words[-1][-1]) else r"(?![^\W_])"
        if _is_prefix(text, found["star"] == "*"):
            after = r"[^\W_]*"
        parts.append(f"{before}{joined}{after}")
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _cut(search: str) -> str:
    return search[:SEARCH_LIMIT].replace("\x00", " ").replace("“", '"').replace("”", '"')


def _terms(search: str) -> list[str]:
    terms = (
        _term(found["word"] if found["phrase"] is None else found["phrase"], found["star"] == "*")
        for found in PIECE.finditer(_cut(search))
    )
    return [term for term in terms if term]


def _term(text: str, has_star: bool) -> str:
    if not any(character.isalnum() for character in text):
        return ""
    return f'"{_spaced(text).strip()}"{"*" if _is_prefix(text, has_star) else ""}'


def _is_prefix(text: str, has_star: bool) -> bool:
    """Whether the last word is only begun; a single letter begins so many that it counts as a word."""
    if not has_star and not text.endswith("*"):
        return False
    words = re.findall(r"[^\W_]+", text)
    return bool(words) and len(words[-1]) >= SHORTEST_PREFIX


def _spaced(text: str) -> str:
    return text if text.isascii() else SIGN.sub(r" \1 ", text)
