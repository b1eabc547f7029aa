"""The child that checks the rows of a version: run as a worker runs it, on any rows."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune_app.datasets.findings import (
    CODES,
    FINDINGS_NAME,
    GROUPED,
    MARK_EVERY,
    SUMMARY_NAME,
    Finding,
    FindingCode,
    FindingsSummary,
)
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import Event, parse_line
from workers.findings.book import TEXTS
from workers.findings.check_rows import check_rows

ROOT = Path(__file__).resolve().parents[2]
SECRET = "ghp_" + "a1B2c3D4e5F6" * 3
CODE = FindingCode


def lay_out(folder: Path, *rows: Any, form: str = "chat") -> Path:
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    spec = {"rows_file": "rows.jsonl", "file_format": "jsonl", "row_form": form, "bad_rows": []}
    (folder / "rows_spec.json").write_text(json.dumps(spec))
    (folder / "count.json").write_text(json.dumps({"rows": len(rows)}))
    return folder


def chat(*said: str, **more: Any) -> dict[str, Any]:
    """A conversation, user first."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[place % 2], "content": each} for place, each in enumerate(said)], **more}


def run(folder: Path) -> list[Event]:
    """The real child; its events."""
    ended = subprocess.run(
        [sys.executable, "-m", "workers.findings", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [parse_line(line) for line in ended.stdout.splitlines()]


def read(folder: Path) -> tuple[FindingsSummary, list[Finding]]:
    """What it left, after checking that all of it adds up."""
    summary = msgspec.json.decode((folder / SUMMARY_NAME).read_bytes(), type=FindingsSummary)
    content = (folder / FINDINGS_NAME).read_bytes()
    found = [msgspec.json.decode(line, type=Finding) for line in content.splitlines()]
    assert [(CODES.index(each.code), each.row) for each in found] == sorted(
        (CODES.index(each.code), each.row) for each in found
    )
    for code in CODES:
        rows = [each.row for each in found if each.code is code]
        assert len(set(rows)) == len(rows) == (summary.codes[code].rows if code in summary.codes else 0)
        assert all((each.other is not None) == (code in GROUPED) for each in found if each.code is code)
        assert summary.rows_with(frozenset({code})) == len(rows)
        for place, mark in enumerate(summary.codes[code].marks if rows else []):
            end = content.index(b"\n", mark)
            assert msgspec.json.decode(content[mark:end], type=Finding).row == rows[place * MARK_EVERY]
    assert summary.rows_with(frozenset(CODES)) == len({each.row for each in found})
    return summary, found


def test_every_check_finds_its_row_and_no_other(tmp_path):
    folder = lay_out(
        tmp_path,
        chat("Where is my parcel?", "It is on its way."),
        chat("Where is  my parcel?", "It is on its way."),
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "user", "content": "b"},
                {"role": "assistant", "content": "c"},
            ]
        },
        chat("Hello", " ", "Still there?", "Yes."),
        chat("Who?", "Der cafÃ© au lait"),
        chat("What?", "A bell \x07 rings"),
        chat("Key?", f"It is {SECRET}."),
        chat("Mail?", "anna.smith@firm.de"),
        chat("Is it raining in Riga today, or is it dry?", "It is dry.", split="held_out"),
        chat("Is it raining in Riga today, or is it dry?", "It is dry.", split="train"),
    )
    events = run(folder)
    assert events[-1].type == "done"
    assert events[-1].facts == {"rows": 10, "rows_found": 8}
    summary, found = read(folder)
    assert {(each.code, each.row) for each in found} == {
        (CODE.LEAK, 10),
        (CODE.DUPLICATE, 2),
        (CODE.ROLES_OUT_OF_ORDER, 3),
        (CODE.EMPTY_TURN, 4),
        (CODE.BROKEN_TEXT, 5),
        (CODE.CONTROL_CHARACTERS, 6),
        (CODE.API_KEY, 7),
        (CODE.EMAIL, 8),
    }
    assert summary.has_splits
    leak = found[0]
    assert (leak.other, leak.detail) == (9, "The same as held-out row 9.")
    assert leak.text == leak.other_text == "Is it raining in Riga today, or is it dry?\nIt is dry."


def test_no_file_that_is_kept_holds_a_whole_secret(tmp_path):
    rows = [chat(f"Key {place}?", f"{SECRET} or {place}@firm.de, and cafÃ©") for place in range(3)]
    check_rows(lay_out(tmp_path, *rows, *rows, chat("x", SECRET, "", SECRET)))
    summary, _found = read(tmp_path)
    assert summary.codes[CODE.API_KEY].rows == 7
    for name in (FINDINGS_NAME, SUMMARY_NAME):
        assert SECRET not in (tmp_path / name).read_text()
        assert "@firm.de" not in (tmp_path / name).read_text()


def test_the_first_findings_carry_texts_and_the_others_only_rows(tmp_path):
    rows = [chat(f"Question {place}?", f"person{place}@firm.de") for place in range(TEXTS + MARK_EVERY * 2)]
    check_rows(lay_out(tmp_path, *rows))
    summary, found = read(tmp_path)
    mails = [each for each in found if each.code is CODE.EMAIL]
    assert len(mails) == len(rows)
    assert [bool(each.text) for each in mails] == [True] * TEXTS + [False] * (len(rows) - TEXTS)
    assert len(summary.codes[CODE.EMAIL].marks) == 3


def test_near_duplicates_stand_side_by_side_where_they_differ(tmp_path):
    said = " ".join(f"word{place}" for place in range(100))
    check_rows(lay_out(tmp_path, chat("Q", said), chat("Q", said.replace("word90", "other"))))
    _summary, [near] = read(tmp_path)
    assert (near.code, near.row, near.other) == (CODE.NEAR_DUPLICATE, 2, 1)
    assert near.text.startswith("…")
    assert "other" in near.text
    assert "word90" in near.other_text


def test_rows_that_are_fine_have_no_findings(tmp_path):
    check_rows(lay_out(tmp_path, chat("How are you?", "Fine, thanks."), chat("Where are you?", "At home.")))
    summary, found = read(tmp_path)
    assert (summary.rows, summary.codes, summary.combinations, found) == (2, {}, [], [])


def test_rows_that_were_left_out_on_upload_are_not_looked_at(tmp_path):
    folder = lay_out(tmp_path, chat("a", "b"), {"text": "c"}, chat("a", "b"))
    check_rows(folder)
    summary, found = read(folder)
    assert summary.rows == 2
    assert [(each.row, each.other) for each in found] == [(3, 1)]


def test_a_missing_file_is_told(tmp_path):
    folder = lay_out(tmp_path, chat("a", "b"))
    (folder / "rows.jsonl").unlink()
    error = run(folder)[-1]
    assert (error.type, error.code) == ("error", Cause.CRASHED)


TEXT = st.text(max_size=60) | st.text(alphabet=st.sampled_from("aÃ©\ufffd\x00@.+-0123456789 \n…漢"), max_size=60)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXT}),
    max_size=5,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"messages": MESSAGES},
        optional={"split": st.sampled_from(["train", "held_out", None]), "tools": st.none()},
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_any_texts_at_all_are_checked_and_the_counts_add_up(rows):
    with tempfile.TemporaryDirectory() as name:
        summary = check_rows(lay_out(Path(name), *rows))
        again, _found = read(Path(name))
        assert summary == again


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, max_size=12))
def test_any_plain_texts_at_all_are_checked(texts):
    with tempfile.TemporaryDirectory() as name:
        check_rows(lay_out(Path(name), *({"text": each} for each in texts), form="text"))
        read(Path(name))
