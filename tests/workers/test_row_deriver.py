"""The child that makes new rows: the same on every machine, and nothing lost on the way."""

import hashlib

import numpy as np
import pytest

from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.row_keys import Purpose, below_share, lots
from tests.datasets.makers import chat, jsonl
from tests.workers.row_folders import place, run
from workers.row_deriver.order import ORDER_NAME, RESULT_NAME, DeriveOrder

ROWS = [chat(f"{number}?", f"Answer {number}.") for number in range(200)]


def derive(folder, *contents, hash_seed="0", **steps):
    for number, content in enumerate(contents):
        place(folder / str(number), content)
    names = [f"rows@{number}" for number in range(len(contents))]
    order = DeriveOrder(parents=names, total=1, steps=Derivation.model_validate(steps))
    (folder / ORDER_NAME).write_text(order.model_dump_json())
    return run("workers.row_deriver", folder, PYTHONHASHSEED=hash_seed)


def test_another_process_makes_the_same_bytes(tmp_path):
    steps = {"sample": {"n": 50, "seed": 5}, "shuffle": {"seed": 6}, "split": {"share": 0.3, "seed": 7}}
    for name, seed in (("one", "1"), ("two", "2")):
        assert derive(tmp_path / name, jsonl(*ROWS), hash_seed=seed, **steps)["type"] == "done"
    first = (tmp_path / "one" / RESULT_NAME).read_bytes()
    assert first == (tmp_path / "two" / RESULT_NAME).read_bytes()
    # The order and the sides are promised for good: versions that were made before must come out again.
    assert hashlib.sha256(first).hexdigest() == PINNED


PINNED = "2ac186379f36739e0d26bb7ba8f35e2bbb69498af941afbd2d996d06dde95000"


def test_rows_with_blank_lines_a_mark_and_crlf_come_out_as_plain_lines(tmp_path):
    content = b"\xef\xbb\xbf" + jsonl(ROWS[0]).replace(b"\n", b"\r\n") + b"\n \n" + jsonl(ROWS[1]).rstrip()
    (tmp_path / "drop_rows").write_text("2\n\n")
    done = derive(tmp_path, content, drop_rows={"sha256": "0" * 64})
    assert done["facts"]["dropped"] == {"drop_rows": 1}
    assert (tmp_path / RESULT_NAME).read_bytes() == jsonl(ROWS[0])


def test_bad_rows_are_no_rows_and_keep_their_numbers(tmp_path):
    (tmp_path / "drop_rows").write_text("3\n")
    content = jsonl(ROWS[0]) + b"not JSON\n" + jsonl(ROWS[1], ROWS[2])
    done = derive(tmp_path, content, jsonl(*ROWS[5:8]), drop_rows={"sha256": "0" * 64}, also=["b"])
    assert done["facts"]["read"] == [{"version": "rows@0", "rows": 3}, {"version": "rows@1", "rows": 3}]
    assert (tmp_path / RESULT_NAME).read_bytes() == jsonl(ROWS[0], ROWS[2], *ROWS[5:8])


def test_nothing_left_is_an_empty_file_and_no_failure(tmp_path):
    done = derive(tmp_path, jsonl(*ROWS), where={"contains": "nowhere"}, shuffle={}, split={"share": 0.5})
    assert (done["facts"]["rows"], (tmp_path / RESULT_NAME).read_bytes()) == (0, b"")


def test_a_broken_array_is_a_cause(tmp_path):
    place(tmp_path / "0", b'[{"messages": []}, {', file_format="json")
    order = DeriveOrder(parents=["a@1"], total=1, steps=Derivation.model_validate({"shuffle": {}}))
    (tmp_path / ORDER_NAME).write_text(order.model_dump_json())
    assert run("workers.row_deriver", tmp_path)["code"] == "bad_rows"


def test_a_split_only_puts_in_the_split(tmp_path):
    odd = b'{"n": 1e999, "messages": [{"role":"user","content":"\\ud83d\\ude00"},{"role":"assistant","content":"b"}]}\n'
    derive(tmp_path, odd, split={"column": "n", "held_out": ["1e999"]})
    assert (tmp_path / RESULT_NAME).read_bytes() == odd.replace(b'": ', b'":').replace(b", ", b",").replace(
        b"}\n", b',"split":"held_out"}\n'
    )


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_lots_are_fair_and_differ_by_seed(purpose, share):
    keys = np.arange(20_000, dtype=np.uint64)
    first, second = lots(keys, 1, purpose), lots(keys, 2, purpose)
    assert len(set(first.tolist())) == len(keys)
    for numbers in (first, second):
        assert abs(below_share(numbers, share).mean() - share) < 0.015
    both = (below_share(first, share) & below_share(second, share)).mean()
    assert abs(both - share * share) < 0.015
