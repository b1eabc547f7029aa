"""Whatever bytes are uploaded: a report that adds up, or a refusal with a code; the trainer reads what was counted."""

import csv
import gzip
import hashlib
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune_app.datasets.check_report import CheckReport
from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.datasets.normalise import normalise
from finetune_app.datasets.rows import RowReader
from finetune_app.errors import UserError
from tests.datasets.makers import rows_of, taken_in

TEXT = st.text(max_size=12)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXT | st.just("Good.") | VALUE},
    optional={"name": VALUE, "tool_calls": VALUE},
)
TURN = st.fixed_dictionaries(
    {"from": st.sampled_from(["human", "gpt", "system", "bing", "function_call", "observation"]), "value": TEXT | VALUE}
)
JUDGED = TEXT | MESSAGE | TURN | st.lists(MESSAGE, max_size=3)
EXTRA = {"split": st.sampled_from(["train", "held_out", "test", None, 3]), "system": TEXT, "tools": VALUE, "id": VALUE}
ROW = st.one_of(
    st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=4)}, optional=EXTRA),
    st.fixed_dictionaries({"conversations": st.lists(TURN, max_size=4)}, optional=EXTRA),
    st.fixed_dictionaries({"instruction": TEXT, "output": TEXT | VALUE}, optional=EXTRA | {"input": TEXT | VALUE}),
    st.fixed_dictionaries({"prompt": TEXT | st.lists(MESSAGE), "completion": TEXT | st.lists(MESSAGE)}, optional=EXTRA),
    st.fixed_dictionaries({"text": TEXT | VALUE}, optional=EXTRA),
    st.fixed_dictionaries({"chosen": JUDGED, "rejected": JUDGED}, optional=EXTRA | {"prompt": TEXT | VALUE}),
    st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT, "label": VALUE | st.booleans()}, optional=EXTRA),
    VALUE,
)
LINE = st.one_of(
    ROW.map(lambda row: json.dumps(row).encode()),
    ROW.map(lambda row: json.dumps(row, ensure_ascii=False).encode()),
    st.binary(max_size=30),
    st.sampled_from([b'{"text": "a"}', b"{", b"[", b"NaN", b"1e999", b'"\\ud800"', b"\xff\xfe", b"", b" ", b"\r"]),
)
FILE = st.one_of(
    st.binary(max_size=200),
    st.lists(LINE, max_size=8).map(b"\n".join),
    st.lists(LINE, max_size=8).map(lambda lines: b"[" + b",".join(lines) + b"]"),
    st.lists(LINE, max_size=4).map(lambda lines: b"\xef\xbb\xbf[" + b", ".join(lines)),
)


PLAIN = FILE | st.sampled_from(["utf-16", "utf-16-be"]).flatmap(
    lambda encoding: st.lists(ROW, max_size=3).map(
        lambda rows: "\n".join(json.dumps(row) for row in rows).encode(encoding)
    )
)
CELL = st.text(st.characters(exclude_characters="\0"), max_size=6)  # with a NUL a file is not text
CELLS = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=5)
NAMES = st.sampled_from(["rows", "rows.jsonl", "rows.csv", "rows.tsv.gz", "rows.parquet"])
PACKED = st.sampled_from([bytes, gzip.compress, zstandard.compress])
HOW = st.sampled_from([None, HowToRead(RowForm.TEXT), HowToRead(columns={"text": "prompt"})])


def table(rows: list[list[str]], delimiter: str) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([["prompt", "completion"], *rows])
    return file.getvalue().encode(errors="replace")


def outcome(content: bytes, name: str = "rows", how: HowToRead | None = None) -> tuple[CheckReport, bytes] | UserError:
    try:
        return taken_in(content, name=name, how=how)
    except UserError as error:
        return error


def assert_adds_up(report: CheckReport, stored: bytes) -> None:
    """The stored rows are what the report says of them, each good and on a line of its own."""
    tally = report.tally
    assert tally.rows >= 1
    assert tally.bad_count == len(tally.bad_rows)
    assert (report.size, report.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert tally.rows == sum(1 for line in stored.split(b"\n") if line)
    rows = rows_of(report, stored)
    good = [row for row in rows if isinstance(row, TrainingRow)]
    assert [row.number for row in good] == list(range(1, tally.rows + 1))
    assert good == rows
    assert sum(row.split == "train" for row in good) == tally.train_rows
    assert sum(row.split == "held_out" for row in good) == tally.held_out_rows


@settings(max_examples=300, deadline=None)
@given(PLAIN, PACKED, NAMES, HOW)
def test_any_bytes_give_a_version_that_adds_up_or_a_refusal(
    content: bytes, pack: Any, name: str, how: HowToRead | None
) -> None:
    found = outcome(pack(content), name, how)
    if isinstance(found, UserError):
        assert (found.field, found.message[-1]) == ("file", ")" if "of the file.)" in found.message else ".")
        return
    report, stored = found
    assert_adds_up(report, stored)
    if report.read_from[0]["kind"] == "JSONL":
        lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        assert report.tally.rows + report.tally.bad_count == sum(1 for line in lines if line and not line.isspace())
    assert outcome(pack(content), name, how) == (report, stored)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6), st.booleans(), st.sampled_from([None, 2]), PACKED)
def test_jsonl_and_array_of_the_same_rows_give_the_same_version(
    rows: list[Any], plain: bool, indent: int | None, pack: Any
) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=plain) + "\n" for row in rows).encode()
    found = outcome(pack(json.dumps(rows, ensure_ascii=plain, indent=indent).encode()))
    if isinstance(found, UserError):
        assert found.code == "no_good_rows"
        return
    report, stored = found
    assert_adds_up(report, stored)
    assert report.tally.rows + report.tally.bad_count == len(rows)
    # The fast way through a chat row and the thorough one agree, row by row.
    reader = RowReader(HowToRead(report.row_form))
    read = [reader.from_bytes(number, line) for number, line in enumerate(lines.splitlines(), start=1)]
    thorough = [normalise(number, row, report.row_form) for number, row in enumerate(rows, start=1)]
    assert [row for row in read if getattr(row, "code", "") != "not_json"] == [
        thorough[row.number - 1] for row in read if getattr(row, "code", "") != "not_json"
    ]
    assert sum(isinstance(row, TrainingRow) for row in read) == report.tally.rows


@settings(max_examples=100, deadline=None)
@given(CELLS, st.sampled_from([",", "\t", ";"]), PACKED)
def test_every_record_of_a_table_is_accounted_for(rows: list[list[str]], delimiter: str, pack: Any) -> None:
    name = "rows.tsv" if delimiter == "\t" else "rows.csv"
    found = outcome(pack(table(rows, delimiter)), name)
    if isinstance(found, UserError):
        assert found.code in {"no_good_rows", "no_rows"}
        return
    assert_adds_up(*found)
    assert found[0].tally.rows + found[0].tally.bad_count == len(rows)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT | st.none()}), min_size=1, max_size=5), PACKED
)
def test_every_row_of_parquet_is_accounted_for(rows: list[dict[str, str | None]], pack: Any) -> None:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    found = outcome(pack(file.getvalue()))
    if isinstance(found, UserError):
        assert found.code == "no_good_rows"
        return
    assert_adds_up(*found)
    assert found[0].tally.rows + found[0].tally.bad_count == len(rows)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4), PACKED)
def test_a_damaged_parquet_file_gives_a_version_or_a_refusal(place: int, bytes_: bytes, pack: Any) -> None:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"prompt": "a", "completion": "b"}] * 20), file)
    content = bytearray(file.getvalue())
    start = place % len(content)
    content[start : start + len(bytes_)] = bytes_
    found = outcome(pack(bytes(content)))
    if not isinstance(found, UserError):
        assert_adds_up(*found)
