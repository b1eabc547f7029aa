"""A change in blocks: any blocks, in any order, make what the whole makes, and nothing is kept when they are done."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from workers.merger.changes import (
    Added,
    DoraByColumns,
    DoraByRows,
    LowRank,
    LowRankStack,
    Replaced,
    Stacked,
    TokenRows,
)

ROWS, COLUMNS, RANK = 23, 7, 3


class Factors:
    """Loads factors, and knows how often it was asked and whether what it gave is still held."""

    def __init__(self, *factors: torch.Tensor) -> None:
        self.factors = factors
        self.loads = 0
        self.given: list[weakref.ref[torch.Tensor]] = []

    def __call__(self) -> tuple[torch.Tensor, ...]:
        self.loads += 1
        # In another precision, so that the change makes its own copy.
        given = tuple(factor.double() for factor in self.factors)
        self.given += [weakref.ref(factor) for factor in given]
        return given


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


PAIR = (numbers(ROWS, RANK), numbers(RANK, COLUMNS))
CHANGES: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], tuple[torch.Tensor, ...]]] = {
    "low_rank": ((ROWS, COLUMNS), lambda load: LowRank(load, ROWS, 0.7), PAIR),
    "experts": (
        (ROWS, 4, 5),
        lambda load: LowRankStack(load, ROWS, 0.7),
        (numbers(ROWS, 4, RANK), numbers(ROWS, RANK, 5)),
    ),
    "dora": ((ROWS, COLUMNS), lambda load: DoraByRows(load, ROWS, 0.7), (*PAIR, numbers(ROWS).abs())),
    "bias": ((ROWS,), lambda load: Added(load, ROWS, 0.7), (numbers(ROWS),)),
    "tokens": ((ROWS, COLUMNS), lambda load: TokenRows(load, ROWS, (20, 0, 11)), (numbers(3, COLUMNS),)),
    "replaced": ((ROWS, COLUMNS), lambda load: Replaced(load, ROWS), (-numbers(ROWS, COLUMNS),)),
}


def in_blocks(change: Any, base: torch.Tensor, size: int) -> torch.Tensor:
    result = torch.empty_like(base)
    starts = list(range(0, len(base), size))
    for start in starts[::2] + starts[1::2][::-1]:
        result[start : start + size] = change.apply(base[start : start + size].clone(), start)
    return result


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("size", [1, 5, ROWS])
def test_blocks_make_what_the_whole_makes(kind: str, size: int) -> None:
    shape, change_of, factors = CHANGES[kind]
    base, load = numbers(*shape), Factors(*factors)
    change = change_of(load)

    found = in_blocks(change, base, size)

    assert load.loads == 1
    whole = change_of(Factors(*factors)).apply(base.clone(), 0)
    torch.testing.assert_close(found, whole, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(found, base)


@pytest.mark.parametrize("kind", CHANGES)
def test_lets_go_of_the_factors_and_can_be_used_again(kind: str) -> None:
    shape, change_of, factors = CHANGES[kind]
    base, load = numbers(*shape), Factors(*factors)
    change = change_of(load)

    first = in_blocks(change, base, 5)

    assert not [value for value in vars(change.factors).values() if isinstance(value, dict) and value]
    assert not [given for given in load.given if given() is not None]
    assert torch.equal(in_blocks(change, base, 5), first)
    assert load.loads == 2


def test_norms_across_are_those_of_the_whole() -> None:
    base, magnitude = numbers(ROWS, COLUMNS), numbers(COLUMNS).abs()
    change = DoraByColumns(Factors(*PAIR, magnitude), ROWS, 0.7)

    assert not change.by_rows
    found = change.apply(base.clone(), 0)

    torch.testing.assert_close(torch.linalg.norm(found, dim=0), magnitude)
    turned = base + 0.7 * PAIR[0] @ PAIR[1]
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(found, turned, dim=0), torch.ones(COLUMNS))


def test_stacked_changes_leave_what_lies_between_them() -> None:
    base, value = numbers(40, COLUMNS), numbers(9, COLUMNS)
    change = Stacked([(2, 25, LowRank(Factors(*PAIR), ROWS, 0.7)), (30, 39, Replaced(Factors(value), 9))])

    found = in_blocks(change, base, 6)

    expected = base.clone()
    expected[2:25] += 0.7 * PAIR[0] @ PAIR[1]
    expected[30:39] = value
    torch.testing.assert_close(found, expected)
    assert change.by_rows


def test_a_stack_goes_as_a_whole_where_a_part_must() -> None:
    part = DoraByColumns(Factors(*PAIR, numbers(COLUMNS)), ROWS, 0.7)
    assert not Stacked([(0, ROWS, part)]).by_rows
