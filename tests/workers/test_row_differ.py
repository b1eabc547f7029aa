"""The child that compares two versions: whatever the rows, every one is counted exactly once."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finetune_app.datasets.comparison import PAIR, PLACE, Group, RowKeys, compare_rows
from tests.datasets.makers import chat, jsonl
from tests.workers.row_folders import place, run
from workers.row_differ.names import AFTER, BEFORE, TOTAL_NAME, places_name

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=12)  # prompt (0: none), answer


def keys(found):
    return RowKeys(
        np.array([prompt * 100 + answer for prompt, answer in found], np.uint64),
        np.array([prompt for prompt, _ in found], np.uint64),
    )


@given(rows, rows)
def test_every_row_is_counted_once(before, after):
    found = compare_rows(keys(before), keys(after))
    assert found.unchanged == sum((Counter(before) & Counter(after)).values())
    assert found.unchanged + len(found.changed_before) + len(found.removed) == len(before)
    assert found.unchanged + len(found.changed_after) + len(found.added) == len(after)
    for old, new in zip(found.changed_before, found.changed_after, strict=True):
        assert before[old][0] == after[new][0] != 0
        assert before[old] != after[new]
    for positions in (found.removed, found.added, found.changed_after):
        assert list(positions) == sorted(set(positions))
    left_old = Counter(before[position][0] for position in found.removed)
    left_new = Counter(after[position][0] for position in found.added)
    assert not {prompt for prompt in left_old & left_new if prompt}


def test_the_child_writes_where_the_rows_lie(tmp_path):
    old = jsonl(chat("a?", "1"), chat("b?", "2"), chat("c?", "3"))
    new = b"\xef\xbb\xbf\n" + jsonl(chat("c?", "4"), chat("a?", "1", other="key"))
    new += b" \t" + jsonl(chat("d?", "5"))  # blanks before a row are kept, since they do no harm
    place(tmp_path / BEFORE, old)
    place(tmp_path / AFTER, new)
    (tmp_path / TOTAL_NAME).write_text("6")
    done = run("workers.row_differ", tmp_path)
    assert done["facts"] == {"unchanged": 1, "changed": 1, "added": 1, "removed": 1}
    added = np.fromfile(tmp_path / places_name(Group.ADDED), PLACE)
    assert added["number"].tolist() == [3]
    start, length = int(added["start"][0]), int(added["length"][0])
    assert new[start : start + length] + b"\n" == jsonl(chat("d?", "5"))
    changed = np.fromfile(tmp_path / places_name(Group.CHANGED), PAIR)
    assert (changed["before"]["number"].tolist(), changed["after"]["number"].tolist()) == ([3], [1])
