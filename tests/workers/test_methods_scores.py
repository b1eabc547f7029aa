"""What a run reaches: on a nf4 base and on one that is not quantized, held-out questions are answered to the letter.

The held-out questions are about things that training has seen, with numbers that it has not.
"""

from pathlib import Path

import pytest

from tests.workers.runs import EVALUATOR, TRAINER, Ended, make_run, start, wait

STEPS = 120
# Stated for both: every held-out answer met exactly, at a loss in nats per token of at most this.
MOST_LOSS = 0.4


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    folder = tmp_path_factory.mktemp("scores")
    made: dict[str, Path] = {
        name: make_run(folder / name, quantization=name, max_steps=STEPS, eval_steps=STEPS, learning_rate=0.005)
        for name in ("nf4", "none")
    }
    ended: dict[str, Ended] = {}
    for module in (TRAINER, EVALUATOR):
        started = {name: start(module, path) for name, path in made.items()}
        ended = {name: wait(process, made[name]) for name, process in started.items()}
        assert all(one.done for one in ended.values())
    return ended


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_held_out_questions_are_answered_to_the_letter(scored: dict[str, Ended], quantization: str) -> None:
    base, tuned = scored[quantization].scores.base, scored[quantization].scores.tuned
    assert (base.exact_match, tuned.exact_match) == (0, 1)
    assert tuned.token_accuracy == 1
    assert tuned.loss < MOST_LOSS < base.loss
