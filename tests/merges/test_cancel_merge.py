"""Stopping a merge, and trying again what failed or was stopped."""

import pytest

from adapters.models import AdapterVersion
from adapters.services.retire_version import retire_version
from finetune_app.errors import UserError, WorkOver
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.try_merge_again import try_merge_again
from finetune_app.work import run_task
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


def test_one_that_waits_is_stopped_and_no_worker_gets_it(cast, version):
    merged = make_merged_model(version, state=TaskState.QUEUED)
    cancel_merge(cast.access(cast.editor), merged)
    assert (merged.state, merged.error_code) == (TaskState.FAILED, "cancelled")
    assert claim_next_task("train@here", on_gpu=True) is None


def test_the_worker_of_one_that_runs_is_told_at_its_next_beat(cast, version):
    make_merged_model(version, state=TaskState.QUEUED)
    running = claim_next_task("train@here", on_gpu=True)
    cancel_merge(cast.access(cast.editor), version.merged_models.get())
    with pytest.raises(WorkOver):
        run_task.beat(running)


def test_one_that_is_over_stays_as_it_is(cast, version):
    merged = make_merged_model(version)
    with pytest.raises(UserError) as caught:
        cancel_merge(cast.access(cast.editor), merged)
    assert (caught.value.code, caught.value.status) == ("merge_over", 409)
    assert version.merged_models.get().verdict == "verified"


def test_what_failed_is_queued_again_under_its_number(cast, version):
    merged = make_merged_model(version, state=TaskState.FAILED, error_code="disk_full", error="The disk is full.")
    try_merge_again(cast.access(cast.editor), merged)
    assert (merged.number, merged.state, merged.error_code) == (1, TaskState.QUEUED, "")
    assert claim_next_task("train@here", on_gpu=True) == merged


def test_what_did_not_fail_is_not_tried_again(cast, version):
    merged = make_merged_model(version)
    with pytest.raises(UserError) as caught:
        try_merge_again(cast.access(cast.editor), merged)
    assert (caught.value.code, caught.value.status) == ("merge_not_failed", 409)


def test_what_could_not_be_asked_for_any_more_is_not_tried_again(cast, version):
    merged = make_merged_model(version, state=TaskState.FAILED, error_code="killed")
    retire_version(cast.access(cast.editor), version, reason="Its answers were wrong.")
    merged.version = AdapterVersion.objects.get()
    with pytest.raises(UserError) as caught:
        try_merge_again(cast.access(cast.editor), merged)
    assert caught.value.code == "adapter_version_retired"
    assert version.merged_models.get().state == TaskState.FAILED


@pytest.mark.parametrize("act", [cancel_merge, try_merge_again])
def test_a_viewer_may_do_neither(cast, version, act):
    merged = make_merged_model(version, state=TaskState.QUEUED)
    with pytest.raises(UserError) as caught:
        act(cast.access(cast.viewer), merged)
    assert caught.value.code == "not_allowed"
