"""A new version out of existing rows: every step, counts that add up, the same bytes for the same steps."""

import json
from typing import Any

import pytest

from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.models import Dataset, DatasetTask, DatasetVersion
from finetune_app.datasets.origin import origin_of
from finetune_app.datasets.services.delete_dataset import delete_version
from finetune_app.datasets.services.derive_version import derive_version, derived_version
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.cast import Cast
from tests.datasets.makers import chat, jsonl, upload_file
from tests.datasets.tasks import put, put_old_array, run_task

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = [chat(f"{number}?", f"Answer {number}.", note=number) for number in range(100)]


def derive(cast: Cast, version: DatasetVersion, **steps: Any) -> DatasetVersion:
    """The version that the steps make."""
    task = run_task(derive_version(cast.access(cast.editor), version, Derivation.model_validate(steps)))
    assert task.state == TaskState.SUCCEEDED, task.error
    made = derived_version(task)
    assert made is not None
    counts = task.result["counts"]
    read = sum(parent["rows"] for parent in counts["read"])
    assert read == counts["rows"] + sum(counts["dropped"].values())
    assert made.rows == counts["rows"]
    return made


def refusal(cast: Cast, version: DatasetVersion, **steps: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        derive_version(cast.access(cast.editor), version, Derivation.model_validate(steps))
    return caught.value


def lines_of(version: DatasetVersion) -> list[bytes]:
    return blobs.read(version.sha256).splitlines()


def rows_of(version: DatasetVersion) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(version)]


def test_dropped_rows_go_and_the_others_keep_their_bytes(cast):
    odd = b'{"messages":  [{"role":"user","content":"\\u00e9?"},{"role":"assistant","content":"Yes."}], "x": 1.50}\n'
    version = upload_dataset(cast.access(cast.editor), name="a", file=upload_file(jsonl(*ROWS[:3]) + odd))[0]
    made = derive(cast, version, drop_rows={"rows": [3, 1, 3, 99], "reasons": {"near_duplicate": 2}})
    assert (made.dataset.name, made.number) == ("a", 2)
    assert blobs.read(made.sha256) == jsonl(ROWS[1]) + odd
    assert made.origin["parents"] == ["a@1"]
    assert made.origin["counts"]["dropped"] == {"drop_rows": 2}
    assert made.origin["steps"]["drop_rows"]["reasons"] == {"near_duplicate": 2}


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"contains": "PARCEL"}, [1]),
        ({"split": "held_out"}, [2]),
        ({"split": "none"}, [1, 3]),
        ({"min_messages": 3}, [3]),
        ({"max_messages": 2}, [1, 2]),
        ({"min_characters": 20}, [1, 3]),
        ({"max_characters": 5}, [2]),
        ({"min_characters": 20, "contains": "long"}, [3]),
    ],
)
def test_conditions_keep_rows(cast, where, kept):
    turns = [{"role": "system", "content": "Long words."}, *chat("x", "y")["messages"]]
    rows = [chat("A parcel?", "On its way."), chat("b?", "Ok", split="held_out"), {"messages": turns}]
    rows[2]["messages"][0]["content"] *= 3
    version = put(cast, "a", *rows)
    assert rows_of(derive(cast, version, where=where)) == [rows[number - 1] for number in kept]


def test_a_sample_has_its_size_and_is_the_same_again_and_another_with_another_seed(cast):
    version = put(cast, "a", *ROWS)
    first = derive(cast, version, sample={"n": 30, "seed": 1}, into="one")
    again = derive(cast, put(cast, "b", *ROWS), sample={"n": 30, "seed": 1}, into="two")
    other = derive(cast, version, sample={"n": 30, "seed": 2}, into="three")
    assert first.sha256 == again.sha256 != other.sha256
    assert first.rows == other.rows == 30
    notes = [row["note"] for row in rows_of(first)]
    assert notes == sorted(notes)
    assert derive(cast, version, sample={"n": 500}, into="all").rows == 100
    assert 0 < derive(cast, version, sample={"share": 0.2}, into="some").rows < 50


def test_shuffled_rows_are_the_same_rows_in_another_order(cast):
    version = put(cast, "a", *ROWS)
    made = derive(cast, version, shuffle={"seed": 7})
    assert lines_of(made) != lines_of(version)
    assert sorted(lines_of(made)) == sorted(lines_of(version))
    assert derive(cast, version, shuffle={"seed": 7}, into="b").sha256 == made.sha256


def test_a_split_by_share_never_parts_equal_rows(cast):
    twice = [row for row in ROWS for _ in range(2)]
    made = derive(cast, put(cast, "a", *twice), split={"share": 0.3, "seed": 3})
    sides: dict[str, set[str]] = {}
    for row in rows_of(made):
        sides.setdefault(row["messages"][0]["content"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert made.train_rows + made.held_out_rows == 200
    assert 20 < made.held_out_rows < 110


def test_a_sample_and_a_split_with_one_seed_do_not_choose_the_same_rows(cast):
    made = derive(cast, put(cast, "a", *ROWS), sample={"share": 0.5, "seed": 42}, split={"share": 0.5, "seed": 42})
    assert made.train_rows > 0
    assert made.held_out_rows > 0


def test_a_split_by_a_column_keeps_all_other_values_as_they_are(cast):
    rows = [
        chat("a?", part="test", n=12345678901234567890123),
        chat("b?", part="train", split="held_out"),
        chat("c?", part=1),
    ]
    made = derive(cast, put(cast, "a", *rows), split={"column": "part", "held_out": ["test", "1"]})
    found = rows_of(made)
    assert [row["split"] for row in found] == ["held_out", "train", "held_out"]
    assert found[0]["n"] == rows[0]["n"]
    assert (made.train_rows, made.held_out_rows) == (1, 2)


def test_a_column_that_no_row_has_is_an_error(cast):
    version = put(cast, "a", *ROWS[:2])
    steps = Derivation.model_validate({"split": {"column": "part", "held_out": ["test"]}})
    task = run_task(derive_version(cast.access(cast.editor), version, steps))
    assert task.state == TaskState.FAILED
    assert "No row has the column “part”" in task.error


def test_rows_of_other_versions_follow_and_are_not_meant_by_row_numbers(cast, django_assert_num_queries):
    version, other = put(cast, "a", *ROWS[:2]), put(cast, "b", *ROWS[2:5])
    made = derive(cast, version, also=["b"], drop_rows={"rows": [1]}, into="both")
    assert rows_of(made) == ROWS[1:5]
    assert made.origin["parents"] == ["a@1", "b@1"]
    assert made.dataset.name == "both"
    with django_assert_num_queries(1):
        origin = origin_of(made)
    assert [(parent.reference, parent.number, parent.rows) for parent in origin.parents] == [
        ("a@1", 1, 2),
        ("b@1", 1, 3),
    ]
    delete_version(cast.access(cast.editor), other)
    assert [parent.number for parent in origin_of(made).parents] == [1, None]


def test_all_steps_together_come_in_their_order_and_say_what_they_did(cast):
    made = derive(
        cast,
        put(cast, "a", *ROWS),
        drop_rows={"rows": [1, 2]},
        where={"contains": "answer"},
        sample={"n": 50},
        shuffle={},
        split={"share": 0.5},
    )
    assert made.origin["counts"]["dropped"] == {"drop_rows": 2, "where": 0, "sample": 48}
    origin = origin_of(made)
    assert [step.dropped for step in origin.steps] == [2, 0, 48, None, None]
    assert origin.steps[2].words == "Kept 50 rows by chance, seed 42."
    assert origin.rows == 50


def test_an_old_array_with_bad_rows_gives_its_good_rows(cast):
    made = derive(cast, put_old_array(cast, "a", *ROWS[:2]), where={"min_messages": 2})
    assert (made.file_format, made.rows) == ("jsonl", 2)
    assert rows_of(made) == ROWS[:2]


def test_the_same_steps_are_the_same_task_and_what_was_deleted_is_made_again(cast):
    version = put(cast, "a", *ROWS)
    access = cast.access(cast.editor)
    made = derive(cast, version, shuffle={}, into="b")
    task = derive_version(access, version, Derivation.model_validate({"shuffle": {}, "into": "b"}))
    assert task.state == TaskState.SUCCEEDED
    delete_version(access, made)
    assert not Dataset.objects.filter(name="b").exists()
    assert derive(cast, version, shuffle={}, into="b").sha256 == made.sha256


def test_other_rows_under_the_name_of_what_was_deleted_are_not_the_result(cast):
    version = put(cast, "a", *ROWS)
    made = derive(cast, version, shuffle={}, into="b")
    delete_version(cast.access(cast.editor), made)
    foreign = put(cast, "b", *ROWS[:2])
    assert (foreign.dataset.name, foreign.number) == (made.dataset.name, made.number)
    again = derive(cast, version, shuffle={}, into="b")
    assert (again.number, again.sha256) == (2, made.sha256)


def test_a_result_from_before_results_had_a_sha256_still_leads_to_its_version(cast):
    version = put(cast, "a", *ROWS[:5])
    task = run_task(derive_version(cast.access(cast.editor), version, Derivation.model_validate({"shuffle": {}})))
    made = derived_version(task)
    task.result.pop("sha256", None)
    assert made is not None
    assert derived_version(task) == made


def test_steps_that_change_nothing_give_the_version_itself(cast):
    version = put(cast, "a", *ROWS)
    assert derive(cast, version, where={"min_messages": 1}) == version


def test_no_row_left_is_an_error_that_says_which_step_took_them(cast):
    version = put(cast, "a", *ROWS)
    steps = Derivation.model_validate({"where": {"contains": "nowhere"}})
    task = run_task(derive_version(cast.access(cast.editor), version, steps))
    assert (task.state, task.error_code) == (TaskState.FAILED, "no_rows_left")
    assert task.error == "No row is left of 100: “where” dropped 100. Loosen the steps."
    assert Dataset.objects.get().versions.count() == 1


def test_a_parent_that_was_deleted_meanwhile_is_an_error(cast):
    version, other = put(cast, "a", *ROWS[:2]), put(cast, "b", *ROWS[2:5])
    access = cast.access(cast.editor)
    task = derive_version(access, version, Derivation(also=["b"]))
    delete_version(access, other)
    assert run_task(task).error == "b@1 was deleted in the meantime. Choose other rows."


def test_refusals_come_before_anything_is_queued(cast):
    version = put(cast, "a", *ROWS[:2])
    put(cast, "texts", {"text": "Once."})
    for steps, code, field in (
        ({}, "no_steps", ""),
        ({"into": "Not A Name", "shuffle": {}}, "invalid_name", "into"),
        ({"also": ["texts"]}, "other_form", "also"),
        ({"also": ["nothing"]}, "dataset_not_found", "also"),
        ({"drop_rows": {"sha256": "0" * 64}}, "drop_rows_not_found", "drop_rows"),
    ):
        error = refusal(cast, version, **steps)
        assert (error.code, error.field) == (code, field)
    assert not version.tasks.filter(kind="derive").exists()


def test_a_viewer_may_not_make_a_version(cast):
    version = put(cast, "a", *ROWS[:2])
    with pytest.raises(UserError) as caught:
        derive_version(cast.access(cast.viewer), version, Derivation.model_validate({"shuffle": {}}))
    assert caught.value.code == "not_allowed"


def test_a_task_that_was_given_up_at_the_last_moment_makes_no_version(cast, monkeypatch):
    version = put(cast, "a", *ROWS[:5])
    task = derive_version(cast.access(cast.editor), version, Derivation.model_validate({"sample": {"n": 2}}))
    store = blobs.put_file

    def give_up_and_store(*args: Any, **kwargs: Any) -> blobs.Blob:
        DatasetTask.objects.filter(pk=task.pk).update(state=TaskState.QUEUED)
        return store(*args, **kwargs)

    monkeypatch.setattr(blobs, "put_file", give_up_and_store)
    run_task(task)
    assert DatasetVersion.objects.count() == 1
