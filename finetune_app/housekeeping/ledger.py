"""All blobs of the storage in a table of their own, on disk: how large and old each is, and what it belongs to.

A million of them take less than 100 MB of disk, and no more memory than the table's cache.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from finetune_app.housekeeping.kinds import Kind
from finetune_app.storage.garbage import Stored

CACHE_KIB = 32 * 1024
TABLE = """
CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, age REAL NOT NULL,
    renewed INTEGER NOT NULL DEFAULT 0, named INTEGER NOT NULL DEFAULT 0, kind TEXT
) WITHOUT ROWID
"""


class Ledger:
    """A context manager; the table goes with it. It belongs to the thread that made it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="ledger-", dir=folder)
        self._table = sqlite3.connect(Path(self._folder.name) / "blobs.sqlite3", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", f"cache_size=-{CACHE_KIB}"):
            self._table.execute(f"PRAGMA {pragma}")
        self._table.execute(TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._table.close()
        self._folder.cleanup()

    def add(self, stored: Iterable[Stored]) -> None:
        """Write down blobs that the storage has."""
        self._many(
            "INSERT INTO blob (sha256, size, age) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            ((bytes.fromhex(blob.sha256), blob.size, blob.age) for blob in stored),
        )

    def renew(self, renewals: Iterable[Stored]) -> None:
        """These blobs were put again at these times."""
        self._many(
            "UPDATE blob SET age = min(age, ?), renewed = 1 WHERE sha256 = ?",
            ((renewal.age, bytes.fromhex(renewal.sha256)) for renewal in renewals),
        )

    def name(self, names: Iterable[tuple[str, Kind | None]]) -> None:
        """These blobs are named, and belong to a kind, the first that is said; None: to somebody else's."""
        self._many(
            "UPDATE blob SET named = 1, kind = coalesce(kind, ?) WHERE sha256 = ? AND (NOT named OR kind IS NULL)",
            ((kind, bytes.fromhex(sha256)) for sha256, kind in names),
        )

    def has(self, sha256: str) -> bool:
        """Whether the storage has this blob."""
        return (
            self._table.execute("SELECT 1 FROM blob WHERE sha256 = ?", [bytes.fromhex(sha256)]).fetchone() is not None
        )

    def unnamed(self, *, older_than: float) -> Iterator[tuple[str, int]]:
        """SHA-256 and size of the blobs that nothing names and nobody put for so many seconds."""
        rows = self._table.execute("SELECT sha256, size FROM blob WHERE NOT named AND age > ?", [older_than])
        for sha256, size in rows:
            yield sha256.hex(), size

    def renewed(self) -> Iterator[str]:
        """The named blobs with a renewal."""
        for (sha256,) in self._table.execute("SELECT sha256 FROM blob WHERE renewed AND named"):
            yield sha256.hex()

    def names_none(self) -> bool:
        """Whether there are blobs, and nothing names any of them."""
        return self._sum("1")[0] > 0 and self._sum("named")[0] == 0

    def kind(self, kind: Kind) -> tuple[int, int]:
        """How many belong to the kind, and their bytes."""
        return self._sum("kind = ?", kind)

    def unnamed_between(self, from_age: float, to_age: float) -> tuple[int, int]:
        """How many that nothing names are so old in seconds, and their bytes."""
        return self._sum("NOT named AND age > ? AND age <= ?", from_age, to_age)

    def _sum(self, condition: str, *values: object) -> tuple[int, int]:
        query = f"SELECT count(*), coalesce(sum(size), 0) FROM blob WHERE {condition}"  # noqa: S608 - of this file
        blobs, size = self._table.execute(query, values).fetchone()
        return int(blobs), int(size)

    def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._table.execute("BEGIN")
        self._table.executemany(statement, rows)
        self._table.execute("COMMIT")
