"""The indexer: where each row lies, what it holds, and the words that it is found by; as a real child program."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_app.datasets.formats import FileFormat, RowForm, Split
from finetune_app.datasets.row_index import RECORD, SPLITS, RowFilter, Sort, load_index, position_of, wanted_positions
from finetune_app.datasets.row_search import find_positions
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import Event, parse_line
from tests.datasets.makers import chat, jsonl
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec
from workers.row_indexer.names import INDEX_NAME, OWN_ROWS_NAME, SEARCH_NAME, TOTAL_NAME
from workers.start_program import ROOT

ROWS_OF_EACH_FORM = {
    RowForm.CHAT: chat("Was gibt's Größeres?", "Nichts."),
    RowForm.SHAREGPT: {"conversations": [{"from": "human", "value": "Größeres?"}, {"from": "gpt", "value": "Nichts."}]},
    RowForm.INSTRUCTION: {"instruction": "Say it.", "input": "Größeres", "output": "Nichts."},
    RowForm.PROMPT_COMPLETION: {"prompt": "Größeres?", "completion": "Nichts."},
    RowForm.TEXT: {"text": "Größeres? Nichts."},
}


def index(
    folder: Path,
    content: bytes,
    *,
    file_format: FileFormat = FileFormat.JSONL,
    row_form: RowForm = RowForm.CHAT,
    bad_rows: tuple[int, ...] = (),
) -> list[Event]:
    folder.mkdir(exist_ok=True)
    (folder / "rows").write_bytes(content)
    spec = RowsSpec(rows_file=Path("rows"), file_format=file_format, row_form=row_form, bad_rows=list(bad_rows))
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    (folder / TOTAL_NAME).write_text("3")
    ended = subprocess.run(
        [sys.executable, "-m", "workers.row_indexer", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    return [parse_line(line) for line in ended.stdout.splitlines()]


def facts(events: list[Event]) -> dict[str, Any]:
    assert events[-1].type == "done", events
    return events[-1].facts


def rows_at(folder: Path, file_name: str = "rows") -> list[Any]:
    """Every row, decoded from the bytes that the index says."""
    content = (folder / file_name).read_bytes()
    return [
        json.loads(content[int(record["offset"]) : int(record["offset"]) + int(record["length"])])
        for record in load_index(folder / INDEX_NAME)
    ]


def found(folder: Path, search: str) -> list[int]:
    return find_positions(folder / SEARCH_NAME, search).tolist()


def test_each_row_is_where_the_index_says(tmp_path: Path) -> None:
    rows = [
        chat("Line one\nline two", "Ünïcödé 漢字 😀", split="train"),
        chat("b?", "x" * 3000),
        chat(split="held_out"),
    ]
    content = b"\xef\xbb\xbf" + jsonl(rows[0]) + b"\r\n \n" + jsonl(*rows[1:]).replace(b"\n", b"\r\n")[:-2]
    assert facts(index(tmp_path, content)) == {"rows": 3, "characters": 3061, "min": 29, "median": 30, "max": 3002}
    assert rows_at(tmp_path) == rows
    records = load_index(tmp_path / INDEX_NAME)
    assert records["number"].tolist() == [1, 2, 3]
    assert records["messages"].tolist() == [2, 2, 2]
    assert [SPLITS[split] for split in records["split"]] == [Split.TRAIN, None, Split.HELD_OUT]
    assert records["characters"].tolist() == [17 + 12, 3002, 19 + 11]
    assert records["answer_characters"].tolist() == [12, 3000, 11]
    assert not (tmp_path / OWN_ROWS_NAME).exists()


def test_rows_that_were_left_out_have_no_record(tmp_path: Path) -> None:
    content = (
        jsonl(chat("a?"), {"text": ""}, chat("b?")) + b"not JSON\n" + b"x" * 17_000_000 + b"\n" + jsonl(chat("c?"))
    )
    index(tmp_path, content, bad_rows=(2, 4, 5))
    assert load_index(tmp_path / INDEX_NAME)["number"].tolist() == [1, 3, 6]
    assert rows_at(tmp_path) == [chat("a?"), chat("b?"), chat("c?")]
    records = load_index(tmp_path / INDEX_NAME)
    assert [position_of(records, number) for number in (-1, 0, 1, 2, 3, 6, 7)] == [None, None, 0, None, 1, 2, None]


def test_rows_of_an_array_get_lines_of_their_own(tmp_path: Path) -> None:
    rows = [chat("a?\n\n"), chat("b?", "“ü”"), chat("c?")]
    content = json.dumps([*rows[:2], {"text": ""}, rows[2]], indent=2).encode()
    index(tmp_path, content, file_format=FileFormat.JSON, bad_rows=(3,))
    assert rows_at(tmp_path, OWN_ROWS_NAME) == rows
    assert load_index(tmp_path / INDEX_NAME)["number"].tolist() == [1, 2, 4]
    assert found(tmp_path, "c") == [2]


@pytest.mark.parametrize("form", ROWS_OF_EACH_FORM)
def test_rows_of_every_form_are_found_by_all_their_texts(tmp_path: Path, form: RowForm) -> None:
    index(tmp_path, jsonl(ROWS_OF_EACH_FORM[form]), row_form=form)
    for search in ("größeres", "GRÖßERES nichts", "großeres", "grö*", "Nichts."):
        assert found(tmp_path, search) == [0]
    for key in ("user", "role", "content", "text", "assistant"):
        assert found(tmp_path, key) == []


def test_equal_rows_have_equal_hashes(tmp_path: Path) -> None:
    spaced = json.dumps(chat("a?"), indent=None, separators=(" , ", " : ")).encode() + b"\n"
    index(tmp_path, jsonl(chat("a?"), chat("b?")) + spaced + jsonl(chat("a?", split="train")))
    first, second, third, fourth = load_index(tmp_path / INDEX_NAME)["hash"].tolist()
    assert first == third
    assert len({first, second, fourth}) == 3


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    events = index(tmp_path, jsonl(chat("a?"), chat("b?"), chat("c?")))
    progress = [(event.done, event.total) for event in events if event.type == "phase"]
    assert progress[0][1] == progress[-1][1] == 3
    assert progress[-1][0] == 3


def test_a_file_without_a_good_row_is_a_cause(tmp_path: Path) -> None:
    last = index(tmp_path, b"nothing\n")[-1]
    assert (last.type, last.code) == ("error", Cause.BAD_ROWS)


def test_filters_and_orders() -> None:
    records = np.zeros(5, RECORD)
    records["characters"] = [30, 10, 50, 10, 20]
    records["messages"] = [2, 2, 3, 3, 2]
    records["split"] = [1, 0, 1, 2, 1]
    records["by_length"] = np.argsort(records["characters"], kind="stable")

    def positions(sort: Sort = Sort.FILE, among: list[int] | None = None, **wanted: Any) -> list[int]:
        chosen = None if among is None else np.array(among, np.int64)
        return list(wanted_positions(records, RowFilter(**wanted), sort, chosen))

    assert positions() == [0, 1, 2, 3, 4]
    assert positions(Sort.SHORTEST) == [1, 3, 4, 0, 2]
    assert positions(Sort.LONGEST) == [2, 0, 4, 3, 1]
    assert positions(split=Split.TRAIN) == [0, 2, 4]
    assert positions(min_chars=20, max_chars=30) == [0, 4]
    assert positions(Sort.LONGEST, split=Split.TRAIN, messages=2) == [0, 4]
    assert positions(Sort.SHORTEST, among=[0, 2, 3]) == [3, 0, 2]
    assert positions(among=[1, 2], split=Split.TRAIN) == [2]
    assert positions(among=[]) == []
