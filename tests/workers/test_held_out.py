"""The held-out rows while training: looked at at the right steps, told, acted upon, and never a part of the training."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.events import HeldOutEvent
from tests.workers.runs import TRAINER, Ended, chat_rows, make_run, marked_rows, preference_rows, start, wait

# In nf4 on the CPU, where looking at a model is most likely to harm it.
RUN: dict[str, Any] = {"quantization": "nf4", "learning_rate": 0.03, "fit_to_device": False}
RUNS: dict[str, dict[str, Any]] = {
    "looked at": {"eval_steps": 2, "sample_generations": 2, "max_steps": 12},
    "as long as its best step": {"max_steps": 6, "eval_steps": 6, "sample_generations": 0},
    "the last step is kept": {"max_steps": 12, "eval_steps": 1, "sample_generations": 3, "load_best_model_at_end": False},
    "nothing held out": {"max_steps": 12, "rows": [row for row in chat_rows() if row["split"] == "train"],
                         "held_out_share": 0.0},
    "no step is 100 better": {"eval_steps": 2, "max_steps": 12, "early_stopping_patience": 2,
                              "early_stopping_threshold": 100.0, "sample_generations": 0},
    "as it comes": {"max_steps": 20},
    "a head that is trained whole": {"max_steps": 2, "eval_steps": 1, "modules_to_save": ["lm_head"]},
}  # fmt: skip
AT_ONCE = 3


def all_at_once(folder: Path, runs: dict[str, dict[str, Any]]) -> dict[str, tuple[Ended, Path]]:
    found, names = {}, list(runs)
    for first in range(0, len(names), AT_ONCE):
        some = {name: make_run(folder / name, **(RUN | runs[name])) for name in names[first : first + AT_ONCE]}
        started = {name: start(TRAINER, made) for name, made in some.items()}
        found |= {name: (wait(process, some[name]), some[name]) for name, process in started.items()}
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Path]]:
    return all_at_once(tmp_path_factory.mktemp("held-out"), RUNS)


def looks(ended: Ended) -> list[HeldOutEvent]:
    assert ended.done["steps"]
    return [event for event in ended.events if event.type == "held_out"]


def weights(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def test_rows_are_looked_at_at_the_asked_interval_and_at_the_end(runs: dict[str, tuple[Ended, Path]]) -> None:
    ended, _ = runs["looked at"]
    assert [look.step for look in looks(ended)] == [2, 4, 6, 8, 10, 12]
    assert all(look.rows == 4 and look.seconds > 0 for look in looks(ended))
    assert looks(ended)[0].epoch == pytest.approx(0.4)
    assert all(0 <= look.token_accuracy <= 1 for look in looks(ended))


def test_a_module_that_is_trained_whole_is_no_hindrance(runs: dict[str, tuple[Ended, Path]]) -> None:
    """It is float32 among modules that compute in less, where the processor does."""
    ended, _ = runs["a head that is trained whole"]
    assert [bool(look.answers) for look in looks(ended)] == [True, True]


def test_without_an_interval_there_are_a_few_looks_and_the_last_step_is_one(
    runs: dict[str, tuple[Ended, Path]],
) -> None:
    assert [look.step for look in looks(runs["as it comes"][0])] == [4, 8, 12, 16, 20]


def test_a_look_follows_the_event_of_its_step(runs: dict[str, tuple[Ended, Path]]) -> None:
    ended, _ = runs["looked at"]
    told = [event for event in ended.events if event.type in {"step", "held_out"}]
    for before, look in pairwise(told):
        if look.type == "held_out":
            assert (before.type, before.step) == ("step", look.step)


def test_the_adapter_is_that_of_the_best_step(runs: dict[str, tuple[Ended, Path]]) -> None:
    ended, folder = runs["looked at"]
    losses = {look.step: look.loss for look in looks(ended)}
    best = min(losses, key=losses.get)
    assert best == 6  # so keeping the last one would not do
    assert (ended.done["best_step"], ended.done["best_loss"]) == (best, pytest.approx(losses[best]))
    falls = [look.step for i, look in enumerate(looks(ended)) if look.loss < min([9.9, *list(losses.values())[:i]])]
    assert [look.step for look in looks(ended) if look.best] == falls
    assert f"The adapter is that of step {best}, which has the lowest held-out loss (1.861)." in ended.texts
    assert weights(folder) == weights(runs["as long as its best step"][1])
    assert not (folder / "best").exists()


def test_looking_changes_nothing_in_what_is_learned(runs: dict[str, tuple[Ended, Path]]) -> None:
    (looked, kept), (alone, folder) = runs["the last step is kept"], runs["nothing held out"]
    assert len(looks(looked)) == 12
    assert looks(alone) == []
    assert [step.loss for step in looked.steps] == [step.loss for step in alone.steps]
    assert weights(kept) == weights(folder)
    assert looked.steps[-1].loss < looked.steps[0].loss / 2


def test_a_run_that_gets_no_better_ends_early_and_says_so(runs: dict[str, tuple[Ended, Path]]) -> None:
    ended, folder = runs["no step is 100 better"]
    assert ended.done["steps"] == ended.done["stopped_early_at"] == len(ended.steps) == 6
    assert "Stopped early at step 6: the held-out loss has not fallen in 2 evaluations." in ended.texts
    assert ended.done["best_step"] == 6
    assert weights(folder) == weights(runs["as long as its best step"][1])


def test_the_same_questions_are_answered_each_time(runs: dict[str, tuple[Ended, Path]]) -> None:
    answered = [look for look in looks(runs["looked at"][0]) if look.answers]
    assert {2, 12} <= {look.step for look in answered}  # in between it depends on how long answers take
    for look in answered:
        assert [(answer.prompt, answer.expected) for answer in look.answers] == [
            ("What is the colour of the grass number 5?", "green"),
            ("What is the colour of the stone number 11?", "grey"),
        ]
    assert [answer.answer for answer in answered[0].answers] != [answer.answer for answer in answered[-1].answers]
    assert all(look.answers == [] for look in looks(runs["as long as its best step"][0]))


PREFERENCE = {"rows": preference_rows(), "row_form": RowForm.PREFERENCE, "max_steps": 4}
MARKED = {"rows": marked_rows(), "row_form": RowForm.KTO, "method": "kto", "max_steps": 4}
METHODS: dict[str, dict[str, Any]] = {
    "dpo": PREFERENCE | {"method": "dpo", "learning_rate": 0.003},
    "reward": PREFERENCE | {"method": "reward", "quantization": "none"},
    "kto": MARKED,
}


@pytest.fixture(scope="module")
def method_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Path]]:
    """Each method with looks at every other step, and the same without any."""
    last = {"load_best_model_at_end": False, "eval_steps": 2, "sample_generations": 2}
    looked = {name: options | last for name, options in METHODS.items()}
    alone = {
        f"{name}, alone": options | {"rows": [row for row in options["rows"] if row["split"] == "train"]} | last
        | {"held_out_share": 0.0}
        for name, options in METHODS.items()
    }  # fmt: skip
    return all_at_once(tmp_path_factory.mktemp("methods"), looked | alone)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_looks_by_its_own_loss_and_learns_the_same(
    method_runs: dict[str, tuple[Ended, Path]], name: str
) -> None:
    (ended, folder), (_, alone) = method_runs[name], method_runs[f"{name}, alone"]
    found = looks(ended)
    assert [look.step for look in found] == [2, 4]
    assert all(look.rows == 4 and look.loss > 0 for look in found)
    assert weights(folder) == weights(alone)
    if name == "kto":
        assert found[0].token_accuracy is None  # one answer alone is neither right nor wrong
    else:
        assert all(look.token_accuracy in {0, 0.25, 0.5, 0.75, 1} for look in found)


def test_only_good_answers_are_expected_of_the_model(method_runs: dict[str, tuple[Ended, Path]]) -> None:
    held_out = [row for row in marked_rows() if row["split"] == "held_out"]
    good = [row["completion"][0]["content"] for row in held_out if row["label"]]
    assert 0 < len(good) < len(held_out)
    assert [answer.expected for answer in looks(method_runs["kto"][0])[0].answers] == good[:2]
    assert [answer.expected for answer in looks(method_runs["dpo"][0])[0].answers] == ["green", "grey"]
    assert looks(method_runs["reward"][0])[0].answers == []


def test_the_methods_own_figures_come_with_each_step(method_runs: dict[str, tuple[Ended, Path]]) -> None:
    assert method_runs["dpo"][0].steps[-1].extra.keys() >= {
        "rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen",
    }  # fmt: skip
    assert method_runs["kto"][0].steps[-1].extra.keys() >= {"kl", "rewards/chosen", "rewards/margins"}
    assert method_runs["reward"][0].steps[-1].extra.keys() >= {"accuracy", "margin", "mean_reward"}


def test_the_rows_of_a_batch_are_averaged_one_by_one(tmp_path: Path) -> None:
    """Five pairs in batches of four: the last one alone must not weigh as much as the four."""
    rows = preference_rows(30)
    looked = {
        str(size): PREFERENCE | {"rows": rows, "method": "dpo", "max_steps": 1, "quantization": "none",
                                 "per_device_train_batch_size": size, "gradient_accumulation_steps": 20 // size}
        for size in (4, 5)
    }  # fmt: skip
    ended = all_at_once(tmp_path, looked)
    one, other = (looks(ended[name][0])[-1] for name in ("4", "5"))
    assert one.rows == other.rows == 5
    assert one.loss == pytest.approx(other.loss, rel=1e-5)
    assert one.token_accuracy == pytest.approx(other.token_accuracy)
