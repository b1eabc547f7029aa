"""Rows are read from every usual kind of file, and always stored as JSONL: one object on each line."""

import datetime as dt
import gzip
import hashlib
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.datasets.how_to_read import HowToRead, how_to_read
from finetune_app.errors import UserError
from tests.datasets.makers import chat, checked, jsonl, rows_of, taken_in

ROWS = [{"prompt": "Où?", "completion": "Là,\n“ici”."}, {"prompt": "Why?", "completion": "So."}]
LINES = jsonl(*ROWS)
COMPACT = b"".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in ROWS)
CSV = 'prompt,completion\nOù?,"Là,\n“ici”."\nWhy?,So.\n'.encode()
TSV = 'prompt\tcompletion\r\nOù?\t"Là,\n“ici”."\r\n\r\nWhy?\tSo.'.encode()
TEXT = LINES.decode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


KINDS = [
    ("rows.jsonl", LINES, "JSONL"),
    ("rows.jsonl", LINES.replace(b"\n", b"\r\n"), "JSONL"),
    ("rows.jsonl", b"\xef\xbb\xbf" + LINES, "JSONL"),
    ("rows.jsonl", TEXT.encode("utf-16"), "JSONL, UTF-16"),
    ("rows.jsonl", TEXT.encode("utf-16-le"), "JSONL, UTF-16"),
    ("rows.jsonl", TEXT.encode("utf-16-be"), "JSONL, UTF-16"),
    ("rows", gzip.compress(LINES), "JSONL, gzip"),
    ("rows", gzip.compress(LINES[:20]) + gzip.compress(LINES[20:]), "JSONL, gzip"),
    ("rows", zstandard.compress(LINES), "JSONL, Zstandard"),
    ("rows", zstandard.compress(LINES[:20]) + zstandard.compress(LINES[20:]), "JSONL, Zstandard"),
    ("rows", gzip.compress(TEXT.encode("utf-16")), "JSONL, gzip, UTF-16"),
    ("rows.json", json.dumps(ROWS, indent=2).encode(), "JSON array"),
    ("rows.json.zst", zstandard.compress(json.dumps(ROWS).encode()), "JSON array, Zstandard"),
    ("rows.csv", CSV, "CSV"),
    ("rows.csv", b"\xef\xbb\xbf" + CSV, "CSV"),
    ("rows.csv", CSV.decode().encode("utf-16"), "CSV, UTF-16"),
    ("rows.csv", b'prompt;completion\nO\xc3\xb9?;"L\xc3\xa0,\n\xe2\x80\x9cici\xe2\x80\x9d."\nWhy?;So.', "CSV"),
    ("rows.tsv", TSV, "TSV"),
    ("rows", CSV, "CSV"),
    ("rows.csv.gz", gzip.compress(CSV), "CSV, gzip"),
    ("rows.parquet", parquet(ROWS), "Parquet"),
    ("rows.parquet.zst", zstandard.compress(parquet(ROWS)), "Parquet, Zstandard"),
]


@pytest.mark.parametrize(("name", "content", "kind"), KINDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_kind_gives_the_same_rows(name: str, content: bytes, kind: str) -> None:
    report, stored = taken_in(content, name=name)
    assert report.read_from == [{"name": name, "kind": kind}]
    assert (report.tally.rows, report.tally.bad_count, report.row_form) == (2, 0, RowForm.PROMPT_COMPLETION)
    assert (report.file_format, report.size) == ("jsonl", len(stored))
    assert report.sha256 == hashlib.sha256(stored).hexdigest()
    assert [json.loads(line) for line in stored.splitlines()] == ROWS
    assert rows_of(report, stored) == rows_of(checked(LINES), LINES)
    assert taken_in(content, name=name)[1] == stored


def test_plain_jsonl_is_stored_as_it_is_with_its_blanks() -> None:
    content = b'{"text" : "a",   "id": 1e999}\n {"text": "b"}'
    assert taken_in(content)[1] == content


def test_what_is_rewritten_keeps_its_keys_and_figures() -> None:
    _, stored = taken_in(b'[{"text": "a",\n  "id": 1e999, "n": 1.0, "x": {"y": [ ]}}]')
    assert stored == b'{"text":"a","id":1e999,"n":1.0,"x":{"y":[]}}\n'


def test_bad_rows_are_not_stored_and_keep_their_numbers() -> None:
    report, stored = taken_in(jsonl({"text": "a"}, {"text": ""}, 7, {"text": "b"}))
    assert [(bad.number, bad.text) for bad in report.tally.bad_rows] == [(2, '{"text": ""}'), (3, "7")]
    assert stored == jsonl({"text": "a"}, {"text": "b"})
    assert [row.number for row in rows_of(report, stored)] == [1, 2]
    assert [row["number"] for row in report.tally.first_rows] == [1, 2]


def test_bad_records_of_a_table_are_named_by_number_line_and_text() -> None:
    content = b'prompt,completion\n"a\nb",c\nonly one\n"x"y,z\nd,caf\xe9\ne,f\n'
    report, stored = taken_in(content, name="rows.csv")
    assert [(bad.number, bad.code) for bad in report.tally.bad_rows] == [
        (2, "not_csv"),
        (3, "not_csv"),
        (4, "invalid_utf8"),
    ]
    assert report.tally.bad_rows[0].reason == "The header has 2 cells, but the row 1. (Line 4 of the file.)"
    assert [bad.text for bad in report.tally.bad_rows] == ["only one", '"x"y,z', "d,caf�"]
    assert stored.count(b"\n") == 2


def test_cells_hold_messages_and_labels() -> None:
    talk = json.dumps(chat()["messages"]).replace('"', '""')
    assert checked(f'messages,split\n"{talk}",test\n'.encode(), "rows.csv").tally.held_out_rows == 1
    report = checked(b"prompt,completion,label\na,b,TRUE\nc,[d],false\n", "rows.csv")
    assert (report.row_form, report.tally.rows) == (RowForm.KTO, 2)
    assert [row["label"] for row in report.tally.first_rows] == [True, False]


def test_parquet_keeps_lists_and_dates() -> None:
    report, stored = taken_in(parquet([chat(day=dt.date(2026, 1, 2), raw=b"x")] * 1500))
    assert (report.row_form, report.tally.rows) == (RowForm.CHAT, 1500)
    assert json.loads(stored.splitlines()[0])["day"] == "2026-01-02"


def test_columns_stand_for_keys_and_other_keys_stay() -> None:
    how = HowToRead(columns={"prompt": "q", "completion": "a"})
    report, stored = taken_in(b'{"id": 1.0, "q": "Why?", "a": "So."}\n{"q": "x"}\n7\n{\n', how=how)
    assert stored == b'{"prompt":"Why?","completion":"So.","id":1.0}\n'
    assert [bad.code for bad in report.tally.bad_rows] == ["no_answer", "not_an_object", "not_json"]
    assert taken_in(b"a,q\nSo.,Why?\n", name="x.csv", how=how)[1] == b'{"prompt":"Why?","completion":"So."}\n'


def test_a_chosen_form_is_read_instead_of_the_guess() -> None:
    row = {"prompt": "a", "completion": "b", "text": "c", "label": True}
    assert checked(jsonl(row)).row_form is RowForm.KTO
    report, stored = taken_in(jsonl(row), how=HowToRead(RowForm.TEXT))
    assert (report.row_form, stored) == (RowForm.TEXT, jsonl(row))


@pytest.mark.parametrize("content", [jsonl({"q": "a", "a": "b"}), b"q,a\n1,2\n", b'[{"q": "a", "a": "b"}]'])
def test_the_refusal_of_an_unknown_form_brings_the_keys_along(content: bytes) -> None:
    with pytest.raises(UserError) as caught:
        checked(content)
    assert (caught.value.code, caught.value.details[0]["keys"]) == ("no_good_rows", ["q", "a"])


@pytest.mark.parametrize(
    ("form", "columns", "code", "field"),
    [
        ("poem", "", "invalid_form", "form"),
        ("", "{", "invalid_columns", "columns"),
        ("", "[]", "invalid_columns", "columns"),
        ("", '{"prompt": 1}', "invalid_columns", "columns"),
        ("", '{"question": "q"}', "invalid_columns", "columns"),
        ("", '{"prompt": "q", "text": "q"}', "invalid_columns", "columns"),
    ],
)
def test_choices_that_make_no_sense_are_refused(form: str, columns: str, code: str, field: str) -> None:
    with pytest.raises(UserError) as caught:
        how_to_read(form, columns)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_several_files_follow_one_another_and_bad_rows_name_theirs() -> None:
    first, second = jsonl({"text": "a"}, {"text": ""}), gzip.compress(jsonl({"text": "b"}, chat()))
    report, stored = taken_in(first, second, name="rows.jsonl")
    assert stored == jsonl({"text": "a"}, {"text": "b"})
    assert [(bad.file, bad.number, bad.code) for bad in report.tally.bad_rows] == [
        ("rows.jsonl", 2, "empty_text"),
        ("1-rows.jsonl", 2, "other_form"),
    ]
    assert [row.number for row in rows_of(report, stored) if isinstance(row, TrainingRow)] == [1, 2]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("content", [b'{"text": "' + b"x" * 50_000_000 + b'"}', b'{"text": "a"}\n' * 2_000_000])
def test_a_file_that_grows_over_the_limit_is_refused(pack: Any, content: bytes) -> None:
    packed = pack(content)
    assert len(packed) < 200_000
    with pytest.raises(UserError) as caught:
        taken_in(packed, limit=1_000_000)
    assert (caught.value.code, caught.value.status) == ("unpacked_too_large", 413)


def test_a_parquet_file_that_grows_over_the_limit_is_refused() -> None:
    content = parquet([{"text": "x" * 1000}] * 20_000)
    assert len(content) < 200_000
    with pytest.raises(UserError) as caught:
        taken_in(content, limit=1_000_000)
    assert caught.value.code == "unpacked_too_large"
