"""Asking for exports: only of what was proven, once for the same, and on behalf of whoever asks; stopping, deleting."""

import pytest

from finetune_app.errors import InvalidFields, UserError
from finetune_app.merges.models import Export
from finetune_app.merges.services.end_export import cancel_export, delete_export
from finetune_app.merges.services.request_export import request_export, try_export_again
from finetune_app.merges.states import ExportKind, Verdict
from finetune_app.work import run_task
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.at_once import at_once
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model

Q8 = {"kind": "gguf", "type": "Q8_0"}


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def merged(version):
    return make_merged_model(version)


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


def test_what_is_not_named_gets_its_default_and_is_kept(merged, editor):
    export = request_export(editor, merged, {"kind": "quantized"})
    assert (export.number, export.kind, export.state) == (1, ExportKind.QUANTIZED, TaskState.QUEUED)
    assert export.options == {"kind": "quantized", "scheme": "int8"}
    assert export.created_by == editor.user


def test_asking_twice_gives_the_same(merged, editor):
    first = request_export(editor, merged, {"kind": "gguf"})
    assert request_export(editor, merged, Q8) == first
    assert request_export(editor, merged, {"kind": "gguf", "type": "F16"}).number == 2


def test_one_that_failed_is_queued_again_on_behalf_of_who_asks_now(merged, cast, editor):
    export = request_export(editor, merged, Q8)
    run_task.fail(claim_next_task("train@test", on_gpu=True), "crashed", "It broke.")
    again = request_export(cast.access(cast.owner), merged, Q8)
    assert (again.pk, again.number, again.state) == (export.pk, 1, TaskState.QUEUED)
    assert Export.objects.get().created_by == cast.owner


def test_what_computes_waits_for_a_training_worker_and_what_moves_bytes_for_a_light_one(merged, editor, settings):
    settings.EXPORT_PLACES = {"models": "file:///srv/models"}
    for options in (Q8, {"kind": "quantized"}, {"kind": "oci"}, {"kind": "folder", "place": "models"}):
        request_export(editor, merged, options)
    on_gpu = [claim_next_task("train@test", on_gpu=True).kind for _ in range(2)]
    light = [claim_next_task("light@test").kind for _ in range(2)]
    assert (on_gpu, light) == (["gguf", "quantized"], ["oci", "folder"])
    assert claim_next_task("train@test", on_gpu=True) is claim_next_task("light@test") is None


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"verdict": Verdict.REJECTED}, "merge in another way"),
        ({"state": TaskState.RUNNING}, "Wait until it is proven"),
        ({"state": TaskState.FAILED}, "try it again"),
    ],
)
def test_only_a_proven_one_is_exported(version, editor, columns, advice):
    with pytest.raises(UserError, match=advice) as caught:
        request_export(editor, make_merged_model(version, **columns), Q8)
    assert (caught.value.code, caught.value.status) == ("merge_not_verified", 422)
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "gguf", "type": "Q9"}, "type"),
        ({"kind": "gguf", "scheme": "int8"}, "scheme"),
        ({"kind": "hub"}, "repository"),
        ({"kind": "zip"}, "kind"),
        ({}, "kind"),
        ({"kind": "folder", "place": "nowhere"}, "place"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_queued(merged, editor, options, field):
    with pytest.raises(UserError) as caught:
        request_export(editor, merged, options)
    error = caught.value
    assert (list(error.errors) if isinstance(error, InvalidFields) else [error.field]) == [field]
    assert not Export.objects.exists()


def test_a_viewer_looks_on(merged, cast, editor):
    export = request_export(editor, merged, Q8)
    viewer = cast.access(cast.viewer)
    for refused in (
        lambda: request_export(viewer, merged, Q8),
        lambda: cancel_export(viewer, export),
        lambda: try_export_again(viewer, export),
        lambda: delete_export(viewer, export),
    ):
        with pytest.raises(UserError) as caught:
            refused()
        assert caught.value.status == 403
    export.refresh_from_db()
    assert export.state == TaskState.QUEUED


def test_one_that_was_stopped_can_be_tried_again_under_its_number(merged, editor):
    export = cancel_export(editor, request_export(editor, merged, Q8))
    assert (export.state, export.error_code) == (TaskState.FAILED, "cancelled")
    with pytest.raises(UserError) as caught:
        cancel_export(editor, export)
    assert (caught.value.code, caught.value.status) == ("export_over", 409)
    again = try_export_again(editor, export)
    assert (again.number, again.state, again.error) == (1, TaskState.QUEUED, "")
    with pytest.raises(UserError) as caught:
        try_export_again(editor, again)
    assert (caught.value.code, caught.value.status) == ("export_not_failed", 409)


def test_a_deleted_one_is_gone_and_can_be_asked_for_anew(merged, editor):
    delete_export(editor, request_export(editor, merged, Q8))
    assert not Export.objects.exists()
    assert request_export(editor, merged, Q8).state == TaskState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_those_who_ask_at_once_get_one_export_and_own_numbers(merged, editor):
    wanted = [Q8, Q8, {"kind": "oci"}, {"kind": "quantized"}]
    found = at_once(len(wanted), lambda place: request_export(editor, merged, wanted[place]))
    assert found[0] == found[1]
    assert sorted(Export.objects.values_list("number", flat=True)) == [1, 2, 3]
