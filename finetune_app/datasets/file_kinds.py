"""What a file is by its first bytes, so that a zip or a table is refused by its name. Pure."""

from finetune_app.errors import UserError

HEAD_BYTES = 4_096
HOW = "Upload JSONL (one JSON object on each line) or one JSON array of objects."
ARCHIVES = {
    b"PK\x03\x04": "a zip",
    b"PK\x05\x06": "an empty zip",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
}
OTHERS = {b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file", b"%PDF": "a PDF", b"SQLite format 3": "a database"}
# UTF-32 little-endian begins like UTF-16, so it comes first.
ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def refuse_other_kinds(head: bytes) -> None:
    """Refuse a file that begins with `head` when it cannot hold rows.

    Raises:
        UserError: `empty_file`, `zip_file` (any archive or compressed file), `not_json` or `invalid_utf8`.
    """
    if not head:
        raise refusal("empty_file", "The file is empty.")
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            raise refusal("zip_file", f"This is {name}; unpack it and upload the JSONL inside.")
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise refusal("not_json", f"This is {name}. {HOW}")
    for mark, name in ENCODINGS.items():
        if head.startswith(mark):
            raise refusal("invalid_utf8", f"The file is written in {name}. Save it as UTF-8.")
    if b"\x00" in head:
        # Western text in UTF-16 without a mark: every second byte is zero and no other one.
        zeros = sorted([head[::2].count(0), head[1::2].count(0)])
        if zeros[0] == 0 and zeros[1] * 4 > len(head):
            raise refusal("invalid_utf8", "The file seems to be written in UTF-16. Save it as UTF-8.")
        raise refusal("not_json", f"This is a binary file, not text. {HOW}")


def guess_at(first_line: bytes) -> str:
    """A sentence on what a file may be whose lines are not JSON, "" without a guess."""
    if first_line.startswith(b"{"):
        return "It may be one JSON object spread over several lines."
    if any(mark in first_line for mark in (b",", b";", b"\t")):
        return "It looks like a table (CSV)."
    return ""


def refusal(code: str, message: str) -> UserError:
    """A refusal of the whole file."""
    return UserError(code, message, field="file")
