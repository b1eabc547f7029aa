"""Whatever bytes are uploaded: a report that adds up, or a refusal with a code; the trainer reads what was counted."""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from finetune_app.datasets.checking import CheckReport
from finetune_app.datasets.formats import BadRow, FileFormat, TrainingRow, read_rows
from finetune_app.datasets.normalise import normalise
from finetune_app.errors import UserError
from tests.datasets.makers import checked

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
TURN = st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt", "system", "bing"]), "value": TEXT | VALUE})
EXTRA = {"split": st.sampled_from(["train", "held_out", "test", None, 3]), "system": TEXT, "tools": VALUE, "id": VALUE}
ROW = st.one_of(
    st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=4)}, optional=EXTRA),
    st.fixed_dictionaries({"conversations": st.lists(TURN, max_size=4)}, optional=EXTRA),
    st.fixed_dictionaries({"instruction": TEXT, "output": TEXT | VALUE}, optional=EXTRA | {"input": TEXT | VALUE}),
    st.fixed_dictionaries({"prompt": TEXT | st.lists(MESSAGE), "completion": TEXT | st.lists(MESSAGE)}, optional=EXTRA),
    st.fixed_dictionaries({"text": TEXT | VALUE}, optional=EXTRA),
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


def outcome(content: bytes) -> CheckReport | UserError:
    try:
        return checked(content)
    except UserError as error:
        return error


@settings(max_examples=200, deadline=None)
@given(FILE)
def test_any_bytes_give_a_report_that_adds_up_or_a_refusal(content: bytes) -> None:
    report = outcome(content)
    if isinstance(report, UserError):
        assert report.code
        assert report.field == "file"
        return
    tally = report.tally
    assert tally.rows >= 1
    assert tally.bad_count == len(tally.bad_rows)
    assert (report.size, report.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    if report.file_format is FileFormat.JSONL:
        lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        assert tally.rows + tally.bad_count == sum(1 for line in lines if line and not line.isspace())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows")
        path.write_bytes(content)
        rows = list(read_rows(path, report.file_format, report.row_form))
    assert [row.number for row in rows] == list(range(1, tally.rows + tally.bad_count + 1))
    good = [row for row in rows if isinstance(row, TrainingRow)]
    assert len(good) == tally.rows
    assert sum(row.split == "train" for row in good) == tally.train_rows
    assert sum(row.split == "held_out" for row in good) == tally.held_out_rows


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6), st.booleans(), st.sampled_from([None, 2]))
def test_jsonl_and_array_of_the_same_rows_give_the_same_training_rows(
    rows: list[Any], plain: bool, indent: int | None
) -> None:
    lines = "\n".join(json.dumps(row, ensure_ascii=plain) for row in rows).encode()
    array = json.dumps(rows, ensure_ascii=plain, indent=indent).encode()
    report = outcome(array)
    if isinstance(report, UserError):
        assert report.code == "no_good_rows"
        return
    with tempfile.TemporaryDirectory() as folder:
        as_lines, as_array = Path(folder, "rows.jsonl"), Path(folder, "rows.json")
        as_lines.write_bytes(lines)
        as_array.write_bytes(array)
        expected = list(read_rows(as_array, FileFormat.JSON, report.row_form))
        assert list(read_rows(as_lines, FileFormat.JSONL, report.row_form)) == expected
    # The fast way through a chat row and the thorough one agree, row by row.
    thorough = [normalise(number, row, report.row_form) for number, row in enumerate(rows, start=1)]
    read = [row for row in expected if not (isinstance(row, BadRow) and row.code == "not_json")]
    assert read == [thorough[row.number - 1] for row in read]
