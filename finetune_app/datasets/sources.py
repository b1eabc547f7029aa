"""An uploaded file as a stream of records, whatever its kind, packing and encoding. Pure; memory stays flat."""

import importlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from finetune_app.datasets.file_kinds import (
    HEAD_BYTES,
    PARQUET,
    FileKind,
    delimiter_of,
    kind_of,
    refuse_binary,
    refuse_other_kinds,
)
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.normalise import form_of
from finetune_app.datasets.row_types import BadRow, FileFormat
from finetune_app.datasets.rows import BOM, Lines, split, with_columns
from finetune_app.datasets.table_rows import header_row, read_table
from finetune_app.datasets.unpack import Readable, open_as_utf8, open_unpacked, packing_of, utf16_encoding

BLANKS = b" \t\r\n"
Record = bytes | dict[str, Any] | BadRow  # JSON, an object of columns, or what is wrong with it


@dataclass(frozen=True)
class NamedFile:
    """A file to read, and the name that a person gave it."""

    name: str
    file: Readable


@dataclass(frozen=True)
class Source:
    """What was found out about a file by its beginning, and how to read it to its end."""

    named: NamedFile
    kind: FileKind
    packing: str
    encoding: str
    head: bytes
    limit: int

    @property
    def words(self) -> str:
        """“CSV, gzip, UTF-16”."""
        return ", ".join(filter(None, [self.kind, self.packing, "UTF-16" if self.encoding else ""]))

    @property
    def is_plain_jsonl(self) -> bool:
        """Whether its bytes may be stored as they are."""
        return self.kind is FileKind.JSONL and not self.packing and not self.encoding

    def open(self) -> BinaryIO:
        """The file from its start, unpacked and in UTF-8."""
        return _open_text(self.named.file, self.encoding, self.limit)

    def records(self, how: HowToRead, folder: Path) -> Iterable[Record]:
        """All records in order.

        Args:
            how: the person's choices.
            folder: for a packed Parquet file, which must lie unpacked to be read.

        Raises:
            UserError: the rest of the file cannot be read.
        """
        match self.kind:
            case FileKind.PARQUET:
                return self._parquet(folder)
            case FileKind.CSV | FileKind.TSV:
                return read_table(self.open(), self._delimiter, how.columns)
            case FileKind.JSON:
                return split(self.open(), FileFormat.JSON)
            case FileKind.JSONL:
                return Lines(self.open())

    def columns_without_form(self, how: HowToRead) -> list[str]:
        """The columns of a table in which nobody recognises a form; empty when all is well."""
        if self.kind not in {FileKind.CSV, FileKind.TSV} or how.form is not None:
            return []
        header = header_row(self.open(), self._delimiter)
        return [] if form_of(with_columns(header, how.columns)) else list(header)

    @property
    def _delimiter(self) -> str:
        return "\t" if self.kind is FileKind.TSV else delimiter_of(self.head)

    def _parquet(self, folder: Path) -> Iterator[Record]:
        # Loaded only here: pyarrow takes a while, and the trainer reads stored rows without it.
        read_parquet = importlib.import_module("finetune_app.datasets.parquet_rows").read_parquet
        if not self.packing:
            self.named.file.seek(0)
            # A file that Django received hides the real one, which knows more of what pyarrow asks.
            yield from read_parquet(getattr(self.named.file, "file", self.named.file), limit=self.limit)
            return
        with tempfile.TemporaryFile(dir=folder) as unpacked:
            shutil.copyfileobj(self.open(), unpacked)
            unpacked.seek(0)
            yield from read_parquet(unpacked, limit=self.limit)


def look_at(named: NamedFile, *, limit: int) -> Source:
    """Find out what the file is.

    Args:
        named: any file.
        limit: bytes that it may have when it is unpacked.

    Raises:
        UserError: it cannot hold rows: `empty_file`, `zip_file`, `not_json`, `invalid_utf8`, `damaged_file`.
    """
    packing = packing_of(named.file)
    head = open_unpacked(named.file, limit=limit).read(HEAD_BYTES)
    refuse_other_kinds(head)
    if head.startswith(PARQUET):
        return Source(named, FileKind.PARQUET, packing, "", head, limit)
    encoding = utf16_encoding(head)
    head = _text_head(_open_text(named.file, encoding, limit))
    refuse_binary(head)
    return Source(named, kind_of(named.name, head), packing, encoding, head, limit)


def _open_text(file: Readable, encoding: str, limit: int) -> BinaryIO:
    stream = open_unpacked(file, limit=limit)
    return open_as_utf8(stream, encoding) if encoding else stream


def _text_head(file: BinaryIO) -> bytes:
    """The beginning of a text from its first character that is no blank."""
    head = file.read(HEAD_BYTES).removeprefix(BOM).lstrip(BLANKS)
    while not head and (chunk := file.read(HEAD_BYTES)):
        head = chunk.lstrip(BLANKS)
    return head
