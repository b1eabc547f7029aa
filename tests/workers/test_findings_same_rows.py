"""Duplicates, near duplicates and leaks: which rows go, which stay, and which are only a little alike."""

import random
from pathlib import Path

import numpy as np
import pytest

from finetune_app.datasets.findings import FindingCode
from finetune_app.datasets.row_types import Message, Split, TrainingRow
from workers.findings.groups import Groups
from workers.findings.row_text import RowText
from workers.findings.same_rows import SameRowFinder
from workers.findings.shingles import CommonShingles, shingles

RNG = random.Random(3)  # noqa: S311
VOCABULARY = ["".join(RNG.choices("abcdefghijklmnop", k=6)) for _ in range(3000)]
LEAK, DUPLICATE, NEAR = FindingCode.LEAK, FindingCode.DUPLICATE, FindingCode.NEAR_DUPLICATE


def words(seed: int, count: int = 60) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=count)  # noqa: S311


def text(seed: int, *, changed: int = 0) -> str:
    """Sixty words; the last `changed` of them are others."""
    said = words(seed)
    return " ".join(said[: 60 - changed] + words(seed + 10_000 + changed, changed))


def row(
    number: int, answer: str, split: Split | None = None, prompt: str = "Tell me.", system: str = ""
) -> TrainingRow:
    messages = [Message("system", system)] if system else []
    return TrainingRow(number, [*messages, Message("user", prompt)], answer, "", split)


def find(folder: Path, *rows: TrainingRow) -> dict[FindingCode, dict[int, int]]:
    """For each code the rows that would be dropped and those that stay for them."""
    common = CommonShingles()
    for each in rows:
        common.learn(RowText.of(each).said)
    common.settle()
    finder = SameRowFinder(folder, common)
    for each in rows:
        finder.add(each, RowText.of(each).said)
    found = finder.find(lambda done, total: None)
    return {each.code: dict(zip(each.rows.tolist(), each.others.tolist(), strict=True)) for each in found}


def test_all_but_the_first_of_equal_rows_go_and_blanks_do_not_count(tmp_path):
    found = find(tmp_path, row(1, "On its way."), row(3, "No."), row(4, " On  its\nway. "), row(9, "On its way."))
    assert found == {DUPLICATE: {4: 1, 9: 1}, NEAR: {}}


def test_equal_words_in_other_roles_are_another_row(tmp_path):
    one = TrainingRow(1, [Message("user", "a"), Message("assistant", "b"), Message("user", "c")], "d", "", None)
    other = TrainingRow(2, [Message("system", "a"), Message("assistant", "b"), Message("user", "c")], "d", "", None)
    label = TrainingRow(3, [Message("user", "Q")], "A", "", None, label=True)
    other_label = TrainingRow(4, [Message("user", "Q")], "A", "", None, label=False)
    assert find(tmp_path, one, other, label, other_label)[DUPLICATE] == {}


def test_rows_with_few_changed_words_are_near_duplicates(tmp_path):
    found = find(tmp_path, row(1, text(1)), row(2, text(2)), row(3, text(1, changed=3)), row(4, text(1, changed=4)))
    assert found == {DUPLICATE: {}, NEAR: {3: 1, 4: 1}}


def test_case_and_punctuation_do_not_count(tmp_path):
    assert find(tmp_path, row(1, text(1)), row(2, text(1).upper().replace(" ", ", ") + "!"))[NEAR] == {2: 1}


def test_half_alike_is_not_near(tmp_path):
    assert find(tmp_path, row(1, text(1)), row(2, text(1, changed=30)), row(3, text(2)))[NEAR] == {}


def test_short_answers_to_other_questions_are_not_near(tmp_path):
    rows = [row(place, "blue", prompt=f"What is the colour of the sky number {place}?") for place in range(1, 40)]
    assert find(tmp_path, *rows) == {DUPLICATE: {}, NEAR: {}}


def test_a_long_instruction_that_many_rows_share_does_not_make_them_alike(tmp_path):
    instruction = " ".join(words(77, 80))
    rows = [
        row(place, " ".join(words(500 + place, 8)), prompt=f"{instruction} {' '.join(words(place, 8))}")
        for place in range(1, 60)
    ]
    assert find(tmp_path, *rows)[NEAR] == {}


def test_many_copies_of_one_row_are_found_all_the_same(tmp_path):
    rows = [row(place, f"{text(5)} {place}") for place in range(1, 60)]
    assert find(tmp_path, *rows)[NEAR] == dict.fromkeys(range(2, 60), 1)


def test_a_system_message_alone_makes_no_row_alike(tmp_path):
    system = " ".join(words(9, 200))
    found = find(
        tmp_path, row(1, "Yes, it is.", prompt="Is it?", system=system), row(2, "No.", prompt="Why?", system=system)
    )
    assert found[NEAR] == {}


def test_of_a_chain_of_rows_the_first_stays(tmp_path):
    chain = [row(1, text(1)), row(2, text(2)), row(5, text(1, changed=2)), row(7, text(1)), row(8, text(2, changed=1))]
    assert find(tmp_path, *chain) == {DUPLICATE: {7: 1}, NEAR: {5: 1, 8: 2}}


def test_training_copies_of_held_out_rows_leak_exactly_and_nearly(tmp_path):
    found = find(
        tmp_path,
        row(1, text(1), Split.HELD_OUT),
        row(2, text(1), Split.TRAIN),
        row(3, text(1, changed=2)),  # a row that names no split is trained on
        row(4, text(2), Split.HELD_OUT),
        row(5, text(2, changed=1), Split.TRAIN),
        row(6, text(2, changed=1), Split.TRAIN),
        row(7, text(3), Split.TRAIN),
    )
    assert found[LEAK] == {2: 1, 3: 1, 5: 4, 6: 4}
    assert found[DUPLICATE] == {6: 5}
    assert found[NEAR] == {3: 2}


def test_without_splits_nothing_can_leak(tmp_path):
    assert LEAK not in find(tmp_path, row(1, text(1)), row(2, text(1)))
    assert LEAK not in find(tmp_path, row(1, text(1), Split.HELD_OUT), row(2, text(1), Split.HELD_OUT))


def test_rows_without_words_are_compared_exactly_only(tmp_path):
    found = find(tmp_path, row(1, "😀", prompt="!"), row(2, "😀", prompt="!"), row(3, "?!", prompt="!"))
    assert found == {DUPLICATE: {2: 1}, NEAR: {}}


def test_likeness_is_told(tmp_path):
    common = CommonShingles()
    common.settle()
    finder = SameRowFinder(tmp_path, common)
    for each in (row(1, text(1)), row(2, text(1, changed=2))):
        finder.add(each, RowText.of(each).said)
    [_exact, near] = finder.find(lambda done, total: None)
    [(dropped, stays, detail)] = near.details()
    assert (dropped, stays, near.groups) == (2, 1, 1)
    assert 0.85 < near.likeness[0] < 1
    assert detail == f"About {near.likeness[0]:.0%} of the word triples of row 1."


def test_no_row_at_all(tmp_path):
    assert find(tmp_path) == {DUPLICATE: {}, NEAR: {}}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", []),
        ("…!", []),
        ("Hello", ["hello"]),
        ("One, two THREE four", ["one two three", "two three four"]),
        ("日本語です", ["日 本 語", "本 語 で", "語 で す"]),
    ],
)
def test_shingles_are_word_triples(said, expected):
    assert shingles(said) == expected


def test_groups_are_known_by_their_first_item():
    groups = Groups(7)
    for one, other in ((5, 6), (3, 5), (6, 1)):
        groups.join(one, other)
    assert np.array_equal(groups.firsts(), [0, 1, 2, 1, 4, 1, 1])
