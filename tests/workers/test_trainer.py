"""A run folder becomes an adapter: real LoRA and QLoRA runs of the tiny base."""

import json
import re
from pathlib import Path

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.workers.runs import OPTIONS, Ended, chat_rows, train

ADAPTER_FILES = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def qlora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """One finished nf4 run, looked at by several tests."""
    folder = tmp_path_factory.mktemp("qlora") / "run"
    return train(folder, sample_generations=0), folder / "adapter"


def test_a_qlora_run_lowers_the_loss_and_tells_every_step(qlora: tuple[Ended, Path]) -> None:
    ended, _ = qlora
    assert ended.done["steps"] == 12
    assert [step.step for step in ended.steps] == list(range(1, 13))
    assert ended.steps[-1].loss < ended.steps[0].loss / 2
    assert all(step.grad_norm > 0 and step.total_steps == 12 for step in ended.steps)
    assert [step.tokens for step in ended.steps] == sorted({step.tokens for step in ended.steps})
    phases = dict.fromkeys(event.phase for event in ended.events if event.type == "phase")
    assert list(phases) == ["loading", "preparing", "training", "evaluating", "saving"]


def test_standard_output_carries_events_only_and_standard_error_is_quiet(qlora: tuple[Ended, Path]) -> None:
    ended, _ = qlora
    assert ended.texts == []
    assert ended.stderr == ""


def test_the_plan_tells_what_was_chosen_and_the_end_what_it_took(qlora: tuple[Ended, Path]) -> None:
    ended, _ = qlora
    assert ended.plan["quantization"] == "nf4, double quantization"
    assert ended.plan["base_parameters"] == 106_816
    assert ended.plan["sequences"] == 20
    assert ended.plan["libraries"].keys() >= {"torch", "transformers", "peft", "trl", "bitsandbytes"}
    assert ended.done["trainable_parameters"] == ended.plan["trainable_parameters"] > 0
    assert ended.done["peak_memory_bytes"] > 10**8
    assert ended.done["tokens_per_second"] > 0


def test_the_adapter_folder_holds_what_people_load_and_nothing_else(qlora: tuple[Ended, Path]) -> None:
    _, adapter = qlora
    assert {path.name for path in adapter.iterdir()} == ADAPTER_FILES
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert (config["r"], config["lora_alpha"], config["task_type"]) == (8, 16, "CAUSAL_LM")
    assert config["target_modules"] == sorted(config["target_modules"])
    beside = {path.name for path in adapter.parent.iterdir()}
    assert beside == {"adapter", "checkpoints", "err", "out", "rows.jsonl", "spec.json"}


def test_a_run_without_quantization(tmp_path: Path) -> None:
    ended = train(tmp_path, quantization="none", target_modules=["q_proj", "v_proj"], r=4, bias="all")
    assert ended.plan["quantization"] == "none"
    assert ended.plan["base_dtype"] == "float32"
    assert ended.steps[-1].loss < ended.steps[0].loss
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["bias"]) == (4, "all")
    assert config["target_modules"] == ["q_proj", "v_proj"]


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(
    qlora: tuple[Ended, Path], tmp_path: Path
) -> None:
    train(tmp_path / "same")
    train(tmp_path / "other", seed=7, max_steps=2)
    first, second, other = (
        (folder / "adapter_model.safetensors").read_bytes()
        for folder in (qlora[1], tmp_path / "same" / "adapter", tmp_path / "other" / "adapter")
    )
    assert first == second != other
    assert (qlora[1] / "adapter_config.json").read_bytes() == (
        tmp_path / "same" / "adapter" / "adapter_config.json"
    ).read_bytes()


def test_the_loss_is_the_mean_over_the_steps_answer_tokens_however_it_is_cut(
    qlora: tuple[Ended, Path], tmp_path: Path
) -> None:
    ended = train(
        tmp_path,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=4,
        gradient_checkpointing=True,
        max_steps=1,
    )
    assert ended.steps[0].loss == pytest.approx(qlora[0].steps[0].loss, rel=0.01)
    assert ended.steps[0].grad_norm == pytest.approx(qlora[0].steps[0].grad_norm, rel=0.02)
    assert ended.steps[0].tokens == qlora[0].steps[0].tokens


def test_packing_joins_rows_and_learns(tmp_path: Path) -> None:
    ended = train(tmp_path, packing=True, max_length=256)
    assert ended.plan["sequences"] < 10
    assert ended.steps[-1].loss < ended.steps[0].loss / 2


def test_packed_rows_do_not_see_each_other(tmp_path: Path) -> None:
    whole = {"quantization": "none", "per_device_train_batch_size": 20, "max_steps": 1}
    apart, packed = (train(tmp_path / str(packing), packing=packing, **whole) for packing in (False, True))
    assert packed.plan["trained_tokens_per_epoch"] == apart.plan["trained_tokens_per_epoch"]
    assert packed.steps[0].loss == pytest.approx(apart.steps[0].loss, rel=1e-5)
    assert packed.steps[0].grad_norm == pytest.approx(apart.steps[0].grad_norm, rel=1e-4)
    assert packed.steps[0].tokens == apart.steps[0].tokens


def test_epochs_count_when_no_steps_are_given(tmp_path: Path) -> None:
    ended = train(tmp_path, max_steps=None, num_train_epochs=2, lr_scheduler_type="cosine", warmup_ratio=0.2)
    assert ended.done["steps"] == 10  # 20 training rows, 4 a step
    rates = [step.learning_rate for step in ended.steps]
    assert rates[0] < max(rates) > rates[-1]


def test_plain_text_rows(tmp_path: Path) -> None:
    rows = [{"text": f"The sky number {i} is blue."} for i in range(20)]
    ended = train(tmp_path, rows, row_form=RowForm.TEXT)
    assert ended.steps[-1].loss < ended.steps[0].loss / 2


def test_instruction_rows_and_rows_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"instruction": "Say it.", "input": str(i), "output": "blue"} for i in range(20)]
    rows[4] = {"instruction": "An answer is missing."}
    ended = train(tmp_path, rows, row_form=RowForm.INSTRUCTION, bad_rows=[5], held_out_share=0.2, max_steps=3)
    assert 10 <= ended.plan["sequences"] <= 18


@pytest.mark.parametrize("packing", [False, True])
def test_a_row_whose_answer_is_cut_off_stops_the_run_before_its_first_step(tmp_path: Path, packing: bool) -> None:
    rows = chat_rows()
    rows[2]["messages"][1]["content"] = "word " * 200
    ended = train(tmp_path, rows, max_steps=1, packing=packing)
    cause, detail = ended.cause
    assert cause is Cause.ANSWERS_CUT
    assert detail.startswith("1 row has no token to learn from within the max length of 128 tokens: row 3. ")
    assert not ended.steps
    enough = int(re.search(r"keeps them all is (\d+)", detail)[1])
    assert train(tmp_path / "longer", rows, max_steps=1, max_length=enough).done["steps"] == 1
    assert train(tmp_path / "short", rows, max_steps=1, max_length=enough - 1).cause[0] is Cause.ANSWERS_CUT


def test_a_held_out_row_that_is_cut_off_does_not_stop_the_run(tmp_path: Path) -> None:
    rows = chat_rows()
    rows[5]["messages"][1]["content"] = "word " * 200
    assert train(tmp_path, rows, max_steps=1).done["steps"] == 1


def test_the_defaults_of_the_form_run(tmp_path: Path) -> None:
    from finetune_app.jobs.methods.sft import SFTOptions

    defaults = {name: SFTOptions().model_dump()[name] for name in OPTIONS}
    ended = train(tmp_path, **(defaults | {"max_steps": 2}))
    assert ended.done["steps"] == 2


@pytest.mark.parametrize("form", [RowForm.CHAT, RowForm.TEXT])
def test_a_row_that_nobody_agreed_to_leave_out_stops_the_run(tmp_path: Path, form: RowForm) -> None:
    rows = [*chat_rows(), {"nothing": 1}] if form is RowForm.CHAT else [{"text": "a"}, {"text": ""}]
    cause, detail = train(tmp_path, rows, row_form=form).cause
    assert cause is Cause.BAD_ROWS
    assert detail.startswith(f"Row {len(rows)}: ")
