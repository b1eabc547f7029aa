"""What a file is by its first bytes: how its rows lie in it, or why it cannot hold any. Pure."""

import csv
from enum import StrEnum

from finetune_app.errors import UserError

HEAD_BYTES = 4_096
HOW = "Upload JSONL (one JSON object on each line), one JSON array of objects, CSV, TSV or Parquet."
ARCHIVES = {
    b"PK\x03\x04": "a zip",
    b"PK\x05\x06": "an empty zip",
    b"\x1f\x8b": "a gzip file inside another packed file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard file inside another packed file",
}
TAR = slice(257, 262), b"ustar"
PARQUET = b"PAR1"
OTHERS = {b"ARROW1": "an Arrow file", b"%PDF": "a PDF", b"SQLite format 3": "a database"}
UTF32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
DELIMITERS = ",\t;"
READ_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED_ENDINGS = (".gz", ".zst", ".zstd")
ROW_FILE_ENDINGS = READ_ENDINGS + PACKED_ENDINGS  # of the files of a folder, those that are taken
LINES_LOOKED_AT = 20
LONGEST_HEADER_CELL = 64


class FileKind(StrEnum):
    """How the rows lie in an uploaded file."""

    JSONL = "JSONL"
    JSON = "JSON array"
    CSV = "CSV"
    TSV = "TSV"
    PARQUET = "Parquet"


def refuse_other_kinds(head: bytes) -> None:
    """Refuse a file that begins with `head`, unpacked, when it cannot hold rows.

    Raises:
        UserError: `empty_file`, `zip_file` (an archive), `not_json` or `invalid_utf8`.
    """
    if not head:
        raise refusal("empty_file", "The file is empty.")
    place, mark = TAR
    archives = [name for magic, name in ARCHIVES.items() if head.startswith(magic)]
    if head[place] == mark:
        archives = ["a tar archive"]
    if archives:
        raise refusal("zip_file", f"This is {archives[0]}; unpack it and upload the files inside.")
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise refusal("not_json", f"This is {name}. {HOW}")
    if head.startswith(UTF32):
        raise refusal("invalid_utf8", "The file is written in UTF-32. Save it as UTF-8.")


def refuse_binary(head: bytes) -> None:
    """Refuse a text file whose beginning, in UTF-8, is no text.

    Raises:
        UserError: `not_json`.
    """
    if b"\x00" in head:
        raise refusal("not_json", f"This is a binary file, not text. {HOW}")


def kind_of(name: str, head: bytes) -> FileKind:
    """How the rows lie in a file of text.

    Args:
        name: the file's; only .csv and .tsv say something.
        head: its beginning from the first character that is no blank, in UTF-8.
    """
    if head.startswith(b"["):
        return FileKind.JSON
    if head.startswith(b"{"):
        return FileKind.JSONL
    bare = name.lower()
    for ending in PACKED_ENDINGS:
        bare = bare.removesuffix(ending)
    if bare.endswith((".tsv", ".tab")):
        return FileKind.TSV
    if bare.endswith(".csv") or (head and _looks_like_a_table(head)):
        return FileKind.TSV if delimiter_of(head) == "\t" else FileKind.CSV
    return FileKind.JSONL


def delimiter_of(head: bytes) -> str:
    """The character that parts the most cells of the header."""
    header = head.decode(errors="replace")
    return max(DELIMITERS, key=lambda mark: len(_first_records(header, mark, 1)[0]))


def _looks_like_a_table(head: bytes) -> bool:
    """Whether two records have the same number of cells, the first of them short names that differ."""
    text = head.decode(errors="replace")
    lines = [line for line in text.splitlines()[:LINES_LOOKED_AT] if line.strip()]
    if any(line.lstrip().startswith(("{", "[")) for line in lines):
        return False
    records = _first_records(text, delimiter_of(head), 2)
    header, first = records[0], records[-1]
    return (
        len(records) == 2  # noqa: PLR2004 - the header and a row
        and 1 < len(header) == len(first)
        and len(set(header)) == len(header)
        and all(cell.strip() and len(cell) <= LONGEST_HEADER_CELL for cell in header)
    )


def _first_records(text: str, delimiter: str, count: int) -> list[list[str]]:
    """The first records that are not blank; one empty record where there is none."""
    found: list[list[str]] = []
    try:
        for record in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) == count:
                break
    except csv.Error:
        pass
    return found or [[]]


def guess_at(first_line: bytes) -> str:
    """A sentence on what a file may be whose lines are not JSON, "" without a guess."""
    if first_line.startswith(b"{"):
        return "It may be one JSON object spread over several lines."
    if any(mark in first_line for mark in (b",", b";", b"\t")):
        return "It looks like a table (CSV); a table needs a header and a row at least."
    return ""


def refusal(code: str, message: str) -> UserError:
    """A refusal of the whole file."""
    return UserError(code, message, field="file")
