"""The figures that a max length comes to, computed from the rows' lengths."""

import io

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from trl.data_utils import pack_dataset

from finetune_app.datasets.packing import packed_sequences
from finetune_app.datasets.token_report import LENGTHS, Lengths, count_cut_rows, cut_rows, read_lengths, token_report


def lengths(*rows: tuple[int, int], held_out: int = 0) -> Lengths:
    """Rows of so many tokens, learned from the index on; the last `held_out` are held out."""
    first_out = len(rows) - held_out
    return np.array(
        [(index + 1, tokens, first, index >= first_out) for index, (tokens, first) in enumerate(rows)], LENGTHS
    )


def test_what_is_cut_and_what_is_learned() -> None:
    found = token_report(lengths((10, 4), (20, 8), (30, 16), (40, 38)), 16, batch_size=2, accumulation=1)
    assert (found.rows, found.tokens, found.trained_tokens) == (4, 10 + 16 * 3, 6 + 8)
    assert (found.cut_rows, found.cut_share) == (3, 0.75)
    assert (found.empty_rows, found.empty_share, found.shortest) == (2, 0.5, 39)
    assert (found.median, found.uncut) == (25, 40)
    assert (found.steps, found.sequences, found.fill) == (2, 4, 58 / 64)


def test_rows_marked_as_held_out_do_not_count() -> None:
    found = token_report(lengths((10, 4), (99, 98), held_out=1), 16, batch_size=1, accumulation=1)
    assert (found.rows, found.held_out_rows, found.tokens, found.empty_rows) == (1, 1, 10, 0)


def test_all_tokens_but_the_first_are_learned_when_not_only_answers_are() -> None:
    rows = lengths((10, 4), (40, 38))
    found = token_report(rows, 16, batch_size=1, accumulation=1, answers_only=False)
    assert (found.trained_tokens, found.empty_rows) == (9 + 15, 0)
    assert list(cut_rows(rows, 16, answers_only=True)) == [(2, 40, 38)]
    assert not list(cut_rows(rows, 16, answers_only=False))


def test_the_sentence_names_rows_and_the_length_that_keeps_them() -> None:
    cut = count_cut_rows(cut_rows(lengths((40, 30), (9, 2), (40, 35), (50, 50)), 16, answers_only=True))
    assert cut.sentence(16) == (
        "3 rows have no token to learn from within the max length of 16 tokens: rows 1, 3, 4. "
        "The shortest max length that keeps them all is 36. "
        "Of 1 the chat template writes no answer at all, whatever the max length. "
        "Change the max length, or make a version without them."
    )


def test_padding_is_that_of_batches_drawn_at_random() -> None:
    rows = lengths(*[(int(length), 1) for length in np.random.default_rng(1).integers(2, 200, 2000)])
    found = token_report(rows, 150, batch_size=4, accumulation=1)
    drawn = np.random.default_rng(0).choice(np.minimum(rows["tokens"], 150), (20_000, 4)).astype(int)
    padding = 1 - drawn.sum() / (drawn.max(axis=1).sum() * 4)
    assert found.padding_share == pytest.approx(padding, abs=0.01)


def test_the_bars_hold_every_row_once() -> None:
    rows = lengths(*[(tokens, 1) for tokens in [3, 7, 12, 19, 250, 251, 9000] * 40])
    found = token_report(rows, 100, batch_size=1, accumulation=1)
    assert sum(bar.rows for bar in found.bars) == len(rows)
    assert [bar.is_cut for bar in found.bars] == sorted(bar.is_cut for bar in found.bars)
    assert all(after.start == before.end + 1 for before, after in zip(found.bars, found.bars[1:], strict=False))


def test_no_rows_at_all() -> None:
    found = token_report(lengths(), 16, batch_size=1, accumulation=1)
    assert (found.rows, found.tokens, found.steps, found.sequences, found.bars) == (0, 0, 0, 0, ())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=200), st.integers(16, 64))
def test_packing_fills_as_many_sequences_as_the_trainer_does(tokens: list[int], max_length: int) -> None:
    cut = np.minimum(np.array(tokens), max_length)
    packed = pack_dataset(Dataset.from_dict({"input_ids": [[1] * int(length) for length in cut]}), max_length, "bfd")
    assert packed_sequences(cut, max_length) == len(packed)


def test_what_is_kept_is_read_again() -> None:
    rows = lengths((10, 4), (20, 8))
    file = io.BytesIO()
    np.save(file, rows)
    assert (read_lengths(file.getvalue()) == rows).all()
    other = io.BytesIO()
    np.save(other, np.zeros(3))
    with pytest.raises(ValueError, match="no lengths"):
        read_lengths(other.getvalue())
