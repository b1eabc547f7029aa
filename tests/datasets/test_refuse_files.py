"""A file that cannot be a dataset as a whole is refused beside its field, with a stable code and what to do."""

import gzip
import io
import json
import tarfile
import zipfile

import pytest
import zstandard

from finetune_app.errors import UserError
from tests.datasets.makers import chat, checked, jsonl


def refusal(content: bytes) -> UserError:
    with pytest.raises(UserError) as caught:
        checked(content)
    assert caught.value.field == "file"
    assert caught.value.message.endswith(".")
    return caught.value


def a_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("rows.jsonl", jsonl(chat()))
    return file.getvalue()


def a_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty_file", "empty"),
        (b"\n \r\n", "no_rows", "no rows"),
        (b"\xef\xbb\xbf", "no_rows", "no rows"),
        (b"[]", "no_rows", "no rows"),
        (b" [ \n ] ", "no_rows", "no rows"),
        (a_zip(), "zip_file", "This is a zip; unpack it and upload the files inside."),
        (
            gzip.compress(gzip.compress(jsonl(chat()), mtime=0), mtime=0),
            "zip_file",
            "a gzip file inside another packed file",
        ),
        (gzip.compress(jsonl(chat()), mtime=0)[:-9], "damaged_file", "gzip file is damaged or ends too early"),
        (gzip.compress(b"", mtime=0), "empty_file", "empty"),
        (zstandard.compress(jsonl(chat()))[:-1], "damaged_file", "the last frame is not whole"),
        (zstandard.compress(a_zip()), "zip_file", "a zip"),
        (gzip.compress(a_tar(), mtime=0), "zip_file", "a tar archive"),
        (b"PAR1\x15\x04\x15", "not_parquet", "cannot be read"),
        (b"%PDF-1.7\n", "not_json", "PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "not_json", "binary"),
        (b"question,answer\nWhere?,Here.\n", "no_good_rows", "the columns “question”, “answer”"),
        (b"question,answer\n", "not_json", "It looks like a table"),
        (b"Once upon a time.\n", "not_json", "one JSON object on each line"),
        (json.dumps(chat(), indent=2).encode(), "not_json", "several lines"),
        (b"a,b\n" * 3_000_000, "no_good_rows", "the columns “a”, “b”"),
        (b"text,text\na,b\n", "not_json", "looks like a table"),
        (b'prompt,completion\na,"b\nc,d\n', "not_csv", "line 2 is never closed"),
        (b'[{"text": "a"}, {"text": "b"', "not_json", "after row 1: the file ends too early"),
        (b'[{"text": "a"}', "not_json", "after row 1: the file ends too early"),
        (b'[{"text": "a"},]', "not_json", "after row 1"),
        (b'[{"text": "a"} {"text": "b"}]', "not_json", "after row 1: there is “{” where a comma"),
        (b"[{'text': 'a'}]", "not_json", "from its first row on"),
        (b'[{"text": "a"}] [1]', "not_json", "follows after the end"),
        (b"[" * 1_000_000, "not_json", "nested too deeply"),
        (b'[{"text": "caf\xe9"}]', "invalid_utf8", "byte 15"),
        (jsonl(chat()).decode().encode("utf-16") + b"x", "invalid_utf8", "not UTF-16 to its end"),
        (jsonl(chat()).decode().encode("utf-32"), "invalid_utf8", "UTF-32"),
        (jsonl({"question": "Where?"}), "no_good_rows", "Row 1: "),
        (jsonl({"text": ""}, {"text": ""}), "no_good_rows", "None of the 2 rows"),
    ],
)
def test_the_refusal_names_the_kind_of_file(content: bytes, code: str, words: str) -> None:
    error = refusal(content)
    assert error.code == code
    assert words in error.message


def test_no_good_rows_lists_the_rows() -> None:
    error = refusal(jsonl({"text": ""}, {"text": 5}))
    assert [detail["row"] for detail in error.details] == [1, 2]
    assert "a number" in error.details[1]["reason"]


def test_a_row_without_end_in_an_array_is_refused_before_it_is_all_in_memory() -> None:
    assert refusal(b'[{"text": "' + b"x" * 40_000_000).code == "row_too_long"
