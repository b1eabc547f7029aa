"""Base and tuned model are scored on the held-out rows, and people can follow it."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import Score, parse_line
from tests.tiny import tiny_base
from tests.workers.runs import (
    EVALUATOR,
    TRAINER,
    Ended,
    chat_rows,
    make_run,
    marked_rows,
    preference_rows,
    run,
    start,
    train,
    wait,
)


def train_and_score(folder: Path, *arguments: object, **options: object) -> Ended:
    trained = train(folder, *arguments, **options)
    assert trained.done["steps"]
    return run(EVALUATOR, folder)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return train_and_score(tmp_path_factory.mktemp("scored"), max_steps=60)


def test_the_tuned_model_scores_better_than_its_base(scored: Ended) -> None:
    scores = scored.scores
    assert scores.rows == 4
    assert scores.tuned.loss < scores.base.loss / 2
    assert scores.tuned.token_accuracy > scores.base.token_accuracy
    assert scores.base.exact_match == 0
    assert scores.tuned.exact_match > 0.5


def test_samples_show_the_question_and_both_answers(scored: Ended) -> None:
    first = scored.scores.samples[0]
    assert first.prompt == "What is the colour of the grass number 5?"
    assert first.expected == "green"
    assert first.tuned != first.base
    right = [sample.tuned == sample.expected for sample in scored.scores.samples]
    assert sum(right) / len(right) == scored.scores.tuned.exact_match


def test_progress_is_told_from_none_to_all(scored: Ended) -> None:
    progress = [(event.done, event.total) for event in scored.events if event.type == "phase"][1:]
    assert progress[0] == (0, 16)
    assert progress[-1] == (16, 16)
    assert progress == sorted(progress)
    assert scored.done["evaluation"]["rows"] == 4
    assert scored.plan["evaluation"]["scored_on"] == "the base as it was trained on"
    assert scored.stderr == ""


def test_the_base_scores_as_the_plain_model_does_row_by_row(tmp_path: Path) -> None:
    ended = train_and_score(tmp_path, quantization="none", max_steps=1, learning_rate=1e-9)
    model = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base())
    loss, right, count = 0.0, 0, 0
    for row in chat_rows():
        if row["split"] == "held_out":
            question = tokenizer.apply_chat_template(row["messages"][:-1], tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template(row["messages"], tokenize=False)
            tokens = tokenizer(whole, return_tensors="pt")["input_ids"][0]
            start = len(tokenizer(question)["input_ids"])
            with torch.inference_mode():
                logits = model(tokens[None]).logits[0, start - 1 : -1]
            loss += float(torch.nn.functional.cross_entropy(logits, tokens[start:], reduction="sum"))
            right += int((logits.argmax(-1) == tokens[start:]).sum())
            count += len(tokens) - start
    assert ended.scores.base.loss == pytest.approx(loss / count, rel=1e-4)
    assert ended.scores.base.token_accuracy == pytest.approx(right / count)
    assert ended.scores.tuned.loss == pytest.approx(ended.scores.base.loss, abs=1e-4)


def test_at_most_so_many_rows_are_scored(tmp_path: Path) -> None:
    ended = train_and_score(tmp_path, held_out_max_rows=2, max_steps=1)
    assert ended.scores.rows == 2
    assert len(ended.scores.samples) == 2


def test_plain_text_has_loss_and_accuracy_only(tmp_path: Path) -> None:
    rows = [{"text": f"The sky number {i} is blue."} for i in range(20)]
    ended = train_and_score(tmp_path, rows, row_form=RowForm.TEXT, held_out_share=0.3)
    assert ended.scores.tuned.exact_match is None
    assert ended.scores.tuned.loss < ended.scores.base.loss
    assert ended.scores.samples == []


def test_instruction_rows_are_scored(tmp_path: Path) -> None:
    rows = [{"instruction": "Say it.", "input": str(i), "output": "blue"} for i in range(20)]
    ended = train_and_score(tmp_path, rows, row_form=RowForm.INSTRUCTION, held_out_share=0.3, max_steps=40)
    assert ended.scores.tuned.exact_match == 1
    assert ended.scores.samples[0].prompt.startswith("Say it.")


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Path]]:
    """Each method that learns from preferences, trained and scored."""
    folder = tmp_path_factory.mktemp("methods")
    options = {
        "dpo": {"row_form": RowForm.PREFERENCE, "rows": preference_rows(), "max_steps": 20},
        "reward": {"row_form": RowForm.PREFERENCE, "rows": preference_rows(), "max_steps": 30, "quantization": "nf4"},
        "kto": {"row_form": RowForm.KTO, "rows": marked_rows(), "max_steps": 20, "sample_generations": 0},
    }
    base = {"quantization": "none", "load_best_model_at_end": False}
    made = {name: make_run(folder / name, method=name, **(base | one)) for name, one in options.items()}
    for module in (TRAINER, EVALUATOR):
        started = {name: start(module, path) for name, path in made.items()}
        ended = {name: wait(process, made[name]) for name, process in started.items()}
        assert all(one.done for one in ended.values())
        if module == TRAINER:
            (made["reward"] / "out").rename(made["reward"] / "out.trainer")
    return {name: (ended[name], made[name]) for name in options}


def test_preferences_are_scored_by_how_often_the_chosen_answer_is_likelier(
    methods: dict[str, tuple[Ended, Path]],
) -> None:
    ended, _ = methods["dpo"]
    base, tuned = ended.scores.base, ended.scores.tuned
    assert ended.scores.rows == 4
    assert base.pair_accuracy == likelier(tiny_base())
    assert tuned.pair_accuracy == 1
    assert tuned.loss != base.loss
    assert tuned.exact_match is base.exact_match is None
    assert [sample.expected for sample in ended.scores.samples] == ["green", "grey", "green", "grey"]
    assert ended.stderr == ""


def likelier(base: Path) -> float:
    """The share of held-out pairs whose chosen answer a plain model finds likelier, one pass for each answer."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(base)
    held_out = [row for row in preference_rows() if row["split"] == "held_out"]
    right = 0
    for row in held_out:
        question = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        start = len(tokenizer(question)["input_ids"])
        sums = []
        for answer in (row["chosen"], row["rejected"]):
            whole = tokenizer.apply_chat_template(row["prompt"] + answer, tokenize=False)
            tokens = tokenizer(whole, return_tensors="pt")["input_ids"]
            with torch.inference_mode():
                chances = model(tokens).logits[0, start - 1 : -1].log_softmax(-1)
            sums.append(float(chances.gather(1, tokens[0, start:, None]).sum()))
        right += sums[0] > sums[1]
    return right / len(held_out)


def test_a_reward_model_is_scored_alone_and_as_it_was_trained(methods: dict[str, tuple[Ended, Path]]) -> None:
    ended, folder = methods["reward"]
    assert ended.scores.base == Score()
    assert ended.scores.tuned == Score(pair_accuracy=ended.scores.tuned.pair_accuracy)
    assert ended.scores.tuned.pair_accuracy == 1
    with safe_open(folder / "adapter" / "adapter_model.safetensors", "pt") as file:
        assert "base_model.model.score.weight" in file.keys()  # noqa: SIM118 - not a mapping
    looked = [parse_line(line) for line in (folder / "out.trainer").read_text().splitlines()]
    last = [event for event in looked if event.type == "held_out"][-1]
    assert ended.scores.tuned.pair_accuracy == last.token_accuracy
    assert ended.scores.samples == []
    assert ended.plan["evaluation"]["scored_on"].endswith("without the adapter it gives no scores")
    assert ended.stderr == ""


def test_marked_answers_are_scored_on_the_good_ones(methods: dict[str, tuple[Ended, Path]]) -> None:
    ended, _ = methods["kto"]
    good = [row for row in marked_rows() if row["split"] == "held_out" and row["label"]]
    assert ended.scores.rows == len(good) == 2
    assert ended.scores.tuned.loss < ended.scores.base.loss
    assert ended.scores.tuned.pair_accuracy is None
    assert ended.stderr == ""
    assert [sample.expected for sample in ended.scores.samples] == [row["completion"][0]["content"] for row in good]


def test_when_no_held_out_answer_is_good_the_log_says_so(tmp_path: Path) -> None:
    rows = [row | {"label": row["split"] == "train"} for row in marked_rows()]
    ended = train_and_score(tmp_path, rows, row_form=RowForm.KTO, method="kto", max_steps=1)
    assert ended.done == {"evaluation": {"rows": 0}}
    assert ended.texts == ["No held-out answer is marked as good, so there is nothing to score."]


def test_without_held_out_rows_there_is_a_line_and_no_score(tmp_path: Path) -> None:
    rows = [row | {"split": "train"} for row in chat_rows()]
    ended = train_and_score(tmp_path, rows, max_steps=1)
    assert ended.done == {"evaluation": {"rows": 0}}
    assert ended.texts == ["No row is held out, so there is nothing to score."]
    assert not any(event.type == "evaluation" for event in ended.events)


def test_a_run_folder_without_adapter(tmp_path: Path) -> None:
    assert run(EVALUATOR, make_run(tmp_path)).cause == (Cause.FILES_MISSING, "The run folder has no adapter to score.")
