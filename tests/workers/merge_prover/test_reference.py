"""Two models are compared as the definitions say, whatever their logits are; memory and disk stay bounded."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import kl_div

from finetune_app.merges.gates import TIE
from finetune_app.merges.options import MAX_PROMPTS, MIN_PROMPTS
from workers.merge_prover.prompts import Prompt
from workers.merge_prover.reference import MAX_BYTES, MAX_POSITIONS, Reference, compare, positions_for, run_through

WIDTH = 11


def prompt(length: int, first: int) -> Prompt:
    return Prompt("general", "", list(range(length)), first)


def test_the_divergence_is_that_of_the_definition() -> None:
    torch.manual_seed(0)
    reference, other = torch.randn(20, WIDTH), torch.randn(20, WIDTH)
    found = compare(reference, other)
    expected = kl_div(other.log_softmax(-1), reference.log_softmax(-1), reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(found.kl, expected.double(), rtol=1e-4, atol=1e-6)
    apart = (reference - other).abs().amax(-1)
    assert found.difference == pytest.approx(apart.max().item())
    assert found.distance == pytest.approx((apart / (1 + reference.abs().amax(-1))).max().item())


def test_a_model_does_not_differ_from_itself() -> None:
    logits = torch.randn(9, WIDTH)
    logits[2, 3] = -math.inf
    found = compare(logits, logits.clone())
    assert found.kl.max() == found.difference == found.distance == 0
    assert found.same.all()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_stays_none(number: float) -> None:
    other = torch.zeros(3, WIDTH)
    other[1, 4] = number
    found = compare(torch.zeros(3, WIDTH), other)
    assert not found.kl.isfinite().all()
    assert not math.isfinite(found.distance)


@pytest.mark.parametrize(("apart", "is_same"), [(TIE * 0.9, True), (TIE * 1.1, False)])
def test_two_tokens_that_are_nearly_as_likely_are_a_tie(apart: float, *, is_same: bool) -> None:
    reference, other = torch.zeros(1, WIDTH), torch.zeros(1, WIDTH)
    reference[0, 3], reference[0, 5] = 2 + apart, 2
    other[0, 5] = 2
    assert bool(compare(reference, other).same) is is_same


def test_of_two_vocabularies_the_shared_tokens_are_compared() -> None:
    logits = torch.randn(4, WIDTH)
    assert compare(logits, torch.cat([logits, torch.randn(4, 3)], 1)).kl.max() == 0


@pytest.mark.parametrize("vocabulary", [512, 32_000, 128_256, 262_144])
@pytest.mark.parametrize("prompts", [MIN_PROMPTS, MAX_PROMPTS])
@pytest.mark.parametrize("references", [1, 2])
def test_what_is_kept_is_bounded(prompts: int, vocabulary: int, references: int) -> None:
    positions = positions_for(prompts, vocabulary, references)
    assert 1 <= positions <= MAX_POSITIONS
    assert positions == 1 or prompts * positions * vocabulary * 4 * references <= MAX_BYTES


def test_logits_come_back_from_the_file_which_goes_with_them(tmp_path: Path) -> None:
    prompts = [prompt(5, 2), prompt(9, 8)]
    reference = Reference(tmp_path / "kept", prompts)
    logits = [torch.randn(one.positions, WIDTH) for one in prompts]
    for index in (1, 0):
        reference.keep(index, logits[index])
    assert all(torch.equal(reference.of(index), logits[index]) for index in (0, 1))
    assert (tmp_path / "kept").stat().st_size == 4 * WIDTH * 4
    reference.drop()
    assert not (tmp_path / "kept").exists()


class Small(torch.nn.Module):
    """Says for each token the one after it; has memory for two rows only, and finds that out late."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding.from_pretrained(torch.eye(16).roll(1, 1))

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.table

    def forward(self, input_ids: torch.Tensor, logits_to_keep: int, **_: Any) -> Any:
        return SimpleNamespace(logits=self.table(input_ids)[:, -logits_to_keep:])


def test_each_prompt_is_taken_once_also_when_memory_runs_out() -> None:
    prompts = [prompt(length, 2) for length in (5, 9, 7, 6, 8)]
    taken: list[int] = []
    failures = iter([True, False, True])

    def take(index: int, logits: torch.Tensor) -> None:
        assert logits.argmax(-1).tolist() == prompts[index].ids[2:]
        if len(taken) > 1 and next(failures, False):
            raise MemoryError
        taken.append(index)

    done: list[int] = []
    assert run_through(Small(), prompts, take, done.append)
    assert sorted(taken) == [0, 1, 2, 3, 4]
    assert sum(done) == 5


def test_a_model_without_a_row_for_a_token_is_not_run() -> None:
    taken: list[int] = []
    assert not run_through(Small(), [prompt(17, 2)], lambda index, _logits: taken.append(index), lambda _count: None)
    assert taken == []
