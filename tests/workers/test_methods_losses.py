"""Each method takes the very steps that a plain trl script takes: on the same rows and seed, the losses are the same.

Everything runs in float32 on the CPU, where the only difference is the order in which numbers are added up.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from finetune_app.datasets.formats import RowForm
from tests.tiny import make_tiny_base
from tests.workers.plain_trl import train as plain
from tests.workers.runs import (
    OPTIONS,
    TRAINER,
    Ended,
    chat_rows,
    make_run,
    marked_rows,
    preference_rows,
    start,
    start_call,
    wait,
    wait_call,
)

STEPS = 5
TOLERANCE = 1e-4  # relative
# ChatML that marks what the assistant says, which trl's assistant-only loss asks for.
MARKED = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>\\n' }}{% endgeneration %}{% else %}"
    "{{ message['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

TEXTS = [{"text": f"The sky number {i} is blue. " + "It is wide. " * (i % 5)} for i in range(24)]
QUESTIONS = chat_rows()
SPLIT = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in QUESTIONS]
TURNS = [
    {
        "messages": [
            *row["messages"],
            {"role": "user", "content": f"And number {i + 1}?"},
            {"role": "assistant", "content": "The same." if i % 2 else "Another."},
        ]
    }
    for i, row in enumerate(QUESTIONS)
]
IN_TWO = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
# name -> method, form of Graft's rows, Graft's rows, trl's rows, options of Graft, what trl calls them
Case = tuple[str, RowForm, list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], dict[str, Any]]
CASES: dict[str, Case] = {
    "sft, the answer": ("sft", RowForm.CHAT, QUESTIONS, SPLIT, {}, {"completion_only_loss": True}),
    "sft, every turn of the assistant": (
        "sft", RowForm.CHAT, TURNS, TURNS, {"assistant_only_loss": True}, {"assistant_only_loss": True},
    ),
    "sft, all": ("sft", RowForm.CHAT, QUESTIONS, SPLIT, *[{"completion_only_loss": False}] * 2),
    "sft, text": ("sft", RowForm.TEXT, TEXTS, TEXTS, {}, {}),
    "dpo": ("dpo", RowForm.PREFERENCE, *[preference_rows()] * 2, {"beta": 0.3}, {"beta": 0.3}),
    "dpo, cut": ("dpo", RowForm.PREFERENCE, *[preference_rows()] * 2, *[{"max_length": 50, "loss_type": "ipo"}] * 2),
    "dpo, in two parts": ("dpo", RowForm.PREFERENCE, *[preference_rows()] * 2, *[IN_TWO] * 2),
    "kto": ("kto", RowForm.KTO, *[marked_rows()] * 2, *[{"beta": 0.3, "undesirable_weight": 1.5}] * 2),
    "kto, unpaired": ("kto", RowForm.KTO, *[marked_rows()] * 2, *[{"loss_type": "apo_zero_unpaired"}] * 2),
    "kto, in two parts": ("kto", RowForm.KTO, *[marked_rows()] * 2, *[IN_TWO] * 2),
    "reward": ("reward", RowForm.PREFERENCE, *[preference_rows()] * 2, *[{"center_rewards_coefficient": 0.01}] * 2),
}  # fmt: skip
AT_ONCE = 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, list[float]]]:
    """Every case, trained by Graft and by the plain script."""
    folder = tmp_path_factory.mktemp("methods")
    make_tiny_base(base := folder / "base", template=MARKED)
    names, found = list(CASES), {}
    for first in range(0, len(names), AT_ONCE):
        started = {name: _start(folder / name, base, CASES[name]) for name in names[first : first + AT_ONCE]}
        for name, (ours, theirs) in started.items():
            ended = wait(ours, folder / name)
            wait_call(theirs)
            found[name] = ended, json.loads((folder / name / "losses.json").read_text())
    return found


def _start(folder: Path, base: Path, case: Case) -> tuple[Any, Any]:
    method, form, rows, their_rows, options, their_options = case
    shared = OPTIONS | {"max_steps": STEPS, "fit_to_device": False, "quantization": "none"}
    made = make_run(folder, _without_split(rows), base=base, row_form=form, method=method, held_out_share=0.0,
                    **(shared | options))  # fmt: skip
    plain_options = {name: OPTIONS[name] for name in OPTIONS} | {"max_steps": STEPS} | their_options
    call = start_call(plain, method, base, _without_split(their_rows), plain_options, folder)
    return start(TRAINER, made), call


def _without_split(rows: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [{name: value for name, value in row.items() if name != "split"} for row in rows]


@pytest.mark.parametrize("name", CASES)
def test_the_losses_are_those_of_a_plain_trl_script(runs: dict[str, tuple[Ended, list[float]]], name: str) -> None:
    ours, theirs = runs[name]
    assert ours.done["steps"] == STEPS, ours.cause
    losses = [step.loss for step in ours.steps]
    assert len(theirs) == STEPS
    assert losses == pytest.approx(theirs, rel=TOLERANCE)
    assert len({round(loss, 3) for loss in theirs}) > 1  # it moved, so the steps were the same too
