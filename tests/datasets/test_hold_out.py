"""Which rows are held out is the same everywhere and every time, and follows the rows' own split where they name it."""

from finetune_app.datasets.formats import Split, TrainingRow, is_held_out


def row(number: int, split: Split | None = None) -> TrainingRow:
    return TrainingRow(number, [], "", "text", split)


def held_out(share: float, seed: int = 42) -> list[int]:
    return [n for n in range(1, 2001) if is_held_out(row(n), share=share, seed=seed, by_column=False)]


def test_about_the_asked_share_is_held_out() -> None:
    assert 160 < len(held_out(0.1)) < 240
    assert held_out(0.0) == []
    assert len(held_out(1.0)) == 2000


def test_the_same_seed_holds_out_the_same_rows_and_another_seed_others() -> None:
    assert held_out(0.1) == held_out(0.1)
    assert held_out(0.1) != held_out(0.1, seed=43)
    assert held_out(0.1)[:5] == [1, 13, 41, 45, 53]


def test_a_larger_share_keeps_the_rows_of_the_smaller() -> None:
    assert set(held_out(0.1)) < set(held_out(0.2))


def test_rows_that_name_their_split_decide_for_themselves() -> None:
    for share in (0.0, 0.5):
        assert is_held_out(row(1, Split.HELD_OUT), share=share, seed=1, by_column=True)
        assert not is_held_out(row(2, Split.TRAIN), share=share, seed=1, by_column=True)
        assert not is_held_out(row(3), share=share, seed=1, by_column=True)
