"""The child programs that count a version's tokens and show one row, on real files and a real tokenizer."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.datasets.token_report import read_lengths
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.training_config import LossOn
from tests.tiny import CHATML, make_tiny_base
from tests.workers.runs import chat_rows
from workers.child import ChildFailure
from workers.dataset_tasks.rows_spec import ROWS_SPEC_NAME, RowsSpec
from workers.encoding import MASKED, Encoder, load_tokenizer
from workers.start_program import ROOT
from workers.token_reporter.count import count
from workers.token_reporter.preview import preview
from workers.token_reporter.spec import BASE_FOLDER, LENGTHS_FILE, PREVIEW_FILE, TokenSpec

WITH_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}" + CHATML
)


def order(
    folder: Path,
    rows: Iterable[Mapping[str, Any]],
    *,
    row_form: RowForm = RowForm.CHAT,
    row: int | None = None,
    template: str | None = CHATML,
    bad_rows: Iterable[int] = (),
    loss_on: LossOn = "completion",
) -> Path:
    """A run folder as a worker lays it out: a base without weights, the rows, and what is asked."""
    make_tiny_base(folder / BASE_FOLDER, template=template)
    (folder / BASE_FOLDER / "model.safetensors").unlink()
    lines = [json.dumps(row) for row in rows]
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    bad = list(bad_rows)
    spec = RowsSpec(rows_file=Path("rows.jsonl"), file_format=FileFormat.JSONL, row_form=row_form, bad_rows=bad)
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    TokenSpec(rows=len(lines) - len(bad), row=row, loss_on=loss_on).save(folder)
    return folder


def shown(folder: Path) -> dict[str, Any]:
    preview(folder)
    return json.loads((folder / PREVIEW_FILE).read_text())


def test_every_good_row_is_counted_as_training_would_encode_it(tmp_path: Path) -> None:
    rows = chat_rows(600)
    rows[4] = {"messages": []}
    folder = order(tmp_path, rows, bad_rows=[5])
    assert count(folder)["rows"] == 599
    lengths = read_lengths((folder / LENGTHS_FILE).read_bytes())
    encoder = Encoder(load_tokenizer(folder / BASE_FOLDER, RowForm.CHAT), RowForm.CHAT)
    expected = [
        (row.number, len(encoded.input_ids), encoded.learned_from, row.split == "held_out")
        for row in RowsSpec.load(folder).good_rows()
        for encoded in [encoder.encode(row)]
    ]
    assert lengths.tolist() == expected
    assert 5 not in lengths["row"]
    assert np.count_nonzero(lengths["held_out"]) == 100


@pytest.mark.parametrize("known", [2, 4])
def test_rows_that_nobody_knows_of_are_not_passed_over(tmp_path: Path, known: int) -> None:
    folder = order(tmp_path, chat_rows(3))
    TokenSpec(rows=known).save(folder)
    with pytest.raises(ChildFailure, match=f"The file has 3 good rows, but {known} are known of"):
        count(folder)


@pytest.mark.parametrize("job", [count, preview])
def test_a_base_without_chat_template_is_an_error(tmp_path: Path, job: Any) -> None:
    with pytest.raises(ChildFailure) as caught:
        job(order(tmp_path, chat_rows(3), template=None, row=1))
    assert caught.value.cause is Cause.TEMPLATE_MISSING


@pytest.mark.parametrize("text", ["Grüße, 灰色 🌱🌳!\n\n  two  blanks\tand a tab\r\n", "plain", "a<|im_end|>b "])
def test_the_pieces_together_are_the_text_after_the_template(tmp_path: Path, text: str) -> None:
    rows = [{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]}]
    found = shown(order(tmp_path / "chat", rows, row=1))
    pieces = [piece for _, piece, _, _ in found["tokens"]]
    assert "".join(pieces) == f"<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{text}<|im_end|>\n"
    learned = pieces[found["learned_from"] :]
    assert "".join(learned) == f"{text}<|im_end|>\n"
    plain = shown(order(tmp_path / "text", [{"text": text}], row_form=RowForm.TEXT, row=1))
    assert "".join(piece for _, piece, _, _ in plain["tokens"]) == f"{text}<|im_end|>"
    assert plain["learned_from"] == 1


def test_the_tokens_are_those_of_training(tmp_path: Path) -> None:
    folder = order(tmp_path, chat_rows(9), row=7)
    found = shown(folder)
    row = list(RowsSpec.load(folder).good_rows())[6]
    encoded = Encoder(load_tokenizer(folder / BASE_FOLDER, RowForm.CHAT), RowForm.CHAT).encode(row)
    assert [token for token, *_ in found["tokens"]] == encoded.input_ids
    assert (found["total"], found["learned_from"]) == (len(encoded.input_ids), encoded.learned_from)
    specials = {name for _, _, special, name in found["tokens"] if special}
    assert specials == {"<|im_start|>", "<|im_end|>"}
    assert found["remarks"] == []


def test_every_turn_of_the_assistant_is_shown_as_learned_when_that_is_asked(tmp_path: Path) -> None:
    rows = [{"messages": [*chat_rows(1)[0]["messages"], *chat_rows(2)[1]["messages"][1:]]}]
    found = shown(order(tmp_path, rows, row=1, loss_on="assistant"))
    pieces = [piece for _, piece, _, _ in found["tokens"]]
    assert ["".join(pieces[start:end]) for start, end in found["stretches"]] == [
        "blue<|im_end|>\n",
        "green<|im_end|>\n",
    ]
    assert found["learned_from"] == found["stretches"][0][0]
    row = next(iter(RowsSpec.load(tmp_path).good_rows()))
    encoder = Encoder(load_tokenizer(tmp_path / BASE_FOLDER, RowForm.CHAT), RowForm.CHAT, loss_on="assistant")
    learned = [index for start, end in found["stretches"] for index in range(start, end)]
    assert [index for index, label in enumerate(encoder.encode(row).labels(1024)) if label != MASKED] == learned


def test_a_row_of_preferences_shows_the_chosen_answer_and_says_so(tmp_path: Path) -> None:
    rows = [{"prompt": "Where?", "chosen": "Here.", "rejected": "No."}]
    found = shown(order(tmp_path, rows, row=1, row_form=RowForm.PREFERENCE))
    assert "".join(piece for _, piece, _, _ in found["tokens"]).endswith("Here.<|im_end|>\n")
    assert found["remarks"] == [
        "These are the tokens of the chosen answer; the rejected one is written in the same way."
    ]


def test_a_system_message_that_only_the_template_knows_is_told(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]},
        chat_rows(1)[0],
    ]
    added = shown(order(tmp_path / "one", rows, row=1, template=WITH_SYSTEM))
    assert added["remarks"] == [
        "The chat template adds a system message that the row does not have: “You are helpful.”."
    ]
    assert shown(order(tmp_path / "two", rows, row=2, template=WITH_SYSTEM))["remarks"] == []


def test_a_message_that_the_template_leaves_out_is_told(tmp_path: Path) -> None:
    template = CHATML.replace(
        "{% for message in messages %}", "{% for message in messages if message.role != 'system' %}"
    )
    found = shown(order(tmp_path, chat_rows(1), row=1, template=template))
    assert found["remarks"] == ["The chat template leaves out message 1 (system), or writes it otherwise."]


def test_a_row_longer_than_the_model_takes_is_shown_whole_and_quietly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"messages": [{"role": "user", "content": "word " * 1500}, {"role": "assistant", "content": "Yes."}]}]
    assert shown(order(tmp_path, rows, row=1))["total"] > 2048
    assert capsys.readouterr().err == ""


def test_a_row_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ChildFailure, match="no good row 12"):
        preview(order(tmp_path, chat_rows(9), row=12))


def test_as_programs_they_do_without_torch_and_find_the_same(tmp_path: Path) -> None:
    folder = order(tmp_path, chat_rows(9), row=7)
    counted, found = count(folder), shown(folder)
    lengths = (folder / LENGTHS_FILE).read_bytes()
    for name in (LENGTHS_FILE, PREVIEW_FILE):
        (folder / name).unlink()
    assert facts_of("workers.token_reporter.count", folder)["rows"] == counted["rows"]
    assert facts_of("workers.token_reporter.preview", folder) == {"tokens": found["total"]}
    assert (folder / LENGTHS_FILE).read_bytes() == lengths
    assert json.loads((folder / PREVIEW_FILE).read_text()) == found


def facts_of(module: str, folder: Path) -> dict[str, Any]:
    """What the program ends with; it brings no torch along and has nothing to say beside its events."""
    check = f"import runpy, os, sys; sys.argv[1:] = [{str(folder)!r}]; os._exit = lambda code: None; "
    check += f"runpy.run_module({module!r}, run_name='__main__'); assert sys.modules['torch'] is None"
    ended = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout.splitlines()[-1])["facts"]


def test_a_row_that_lies_alone_keeps_its_number(tmp_path: Path) -> None:
    folder = order(tmp_path, chat_rows(9), row=7)
    found = shown(folder)
    line = (folder / "rows.jsonl").read_bytes().splitlines()[6]
    (folder / "rows.jsonl").write_bytes(line)
    spec = RowsSpec.model_validate_json((folder / ROWS_SPEC_NAME).read_text()).model_copy(update={"only_row": 7})
    (folder / ROWS_SPEC_NAME).write_text(spec.model_dump_json())
    assert shown(folder) == found
