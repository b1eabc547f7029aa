"""Deleting a merged model, what one keeps from being deleted, and where its bytes are counted and go."""

from datetime import timedelta

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from adapters.dependants import dependants_by_version
from adapters.models import AdapterVersion
from finetune_app.housekeeping.services.request_tidying import request_run
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.states import ExportKind, Verdict
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.housekeeping.makers import run_tidying
from tests.merges.makers import make_merged_model

PAGE = "/w/team/adapters/adder/v/1/merged/1/delete"
REST = "/api/v1/adapters/adder/versions/1/merged/1"


@pytest.fixture(autouse=True)
def storage_of_its_own(tmp_path, settings):
    """Other tests' blobs are garbage to the runs here."""
    settings.STORAGE_URL = (tmp_path / "storage").as_uri()


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


def make_export(merged, state=TaskState.SUCCEEDED, **changes):
    number = merged.exports.count() + 1
    kind = {"kind": ExportKind.GGUF, "options": {"kind": "gguf"}, "key": f"{number}" * 64}
    return Export.objects.create(merged_model=merged, number=number, state=state, **kind | changes)


def refused(answer, *users):
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert [one["used_by"] for one in answer.json()["details"]] == list(users)


def test_it_goes_with_its_exports_and_the_version_stays(cast, version):
    make_export(make_merged_model(version))
    browser = cast.client(cast.editor)
    page = browser.get(PAGE).content.decode()
    assert "Its 1 export go too" not in page
    assert "Its 1 export goes too" in page
    assert "merged model 1 of adder@1 was deleted." in browser.post(PAGE, follow=True).content.decode()
    assert not MergedModel.objects.exists()
    assert not Export.objects.exists()
    assert AdapterVersion.objects.get() == version


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.RUNNING])
def test_one_that_is_being_made_is_stopped_first(cast, version, state):
    make_merged_model(version, state=state)
    refused(cast.api(cast.editor).delete(REST), f"the merge that makes it, which is {state}")
    answer = cast.client(cast.editor).post(PAGE)
    assert answer.status_code == 409
    assert "Stop it first" in answer.content.decode()
    MergedModel.objects.update(state=TaskState.FAILED)
    assert cast.api(cast.editor).delete(REST).status_code == 204


def test_an_export_that_runs_keeps_it(cast, version):
    export = make_export(make_merged_model(version), TaskState.RUNNING)
    refused(cast.api(cast.editor).delete(REST), "gguf export 1, which is running")
    Export.objects.filter(pk=export.pk).update(state=TaskState.FAILED)
    assert cast.api(cast.editor).delete(REST).status_code == 204


def test_a_rejected_one_is_deleted_the_same_way(cast, version):
    make_merged_model(version, verdict=Verdict.REJECTED)
    assert cast.api(cast.editor).delete(REST).status_code == 204


def test_a_version_and_a_base_with_merged_models_stay(cast, version, tiny_base):
    make_merged_model(version)
    make_merged_model(version, state=TaskState.RUNNING)
    make_merged_model(version, state=TaskState.FAILED)
    rest, browser = cast.api(cast.editor), cast.client(cast.editor)
    users = [
        "merged model 1 of adder@1",
        "merged model 2 of adder@1, which is being made",
        "merged model 3 of adder@1, which failed",
    ]
    for path in ("/api/v1/adapters/adder/versions/1", "/api/v1/adapters/adder"):
        refused(rest.delete(path), *users)
    for path in ("/api/v1/base-models/tiny/revisions/1", "/api/v1/base-models/tiny"):
        refused(rest.delete(path), "adapter adder@1", *users)
    for path in ("adapters/adder/v/1", "adapters/adder", "bases/tiny/r/1", "bases/tiny"):
        answer = browser.post(f"/w/team/{path}/delete")
        assert answer.status_code == 409
        assert "Merged model 1 of adder@1" in answer.content.decode()
    MergedModel.objects.all().delete()
    assert rest.delete("/api/v1/adapters/adder").status_code == 204


def test_one_that_was_asked_for_just_now_is_no_defect(cast, version, monkeypatch):
    """Between the look at what depends on a version and its end somebody merges it."""
    from adapters.services import delete_version

    make_merged_model(version)
    monkeypatch.setattr(delete_version, "dependants_of_versions", lambda *_args, **_named: [])
    refused(cast.api(cast.editor).delete("/api/v1/adapters/adder/versions/1"), "merged model 1 of adder@1")
    with pytest.raises(ProtectedError):
        version.delete()


def test_the_retention_rule_keeps_a_merged_version(cast, version, tiny_base, tmp_path):
    make_merged_model(version)
    for seed in range(1, 4):
        make_version(tiny_base, tmp_path / str(seed), key=f"job-{seed + 1}")
    AdapterVersion.objects.update(created_at=timezone.now() - timedelta(days=90))
    assert set(dependants_by_version(AdapterVersion.objects.all())) == {version.pk}
    body = {"keep_last": 1, "keep_days": None}
    cast.api(cast.owner).put("/api/v1/housekeeping/rule", body, content_type="application/json")
    request_run(cast.access(cast.owner))
    retention = run_tidying().result["retention"]
    assert (retention["removed"], retention["staying"]) == (2, {"in_use": 1, "last": 1})
    assert sorted(AdapterVersion.objects.values_list("number", flat=True)) == [1, 4]


def test_its_bytes_are_counted_and_go_when_nothing_names_them_any_more(cast, version, settings):
    settings.GARBAGE_GRACE_SECONDS = -5.0
    own, sent = blobs.put_bytes(b"merged weights"), blobs.put_bytes(b"a GGUF file")
    merged = make_merged_model(version)
    merged.files.append({"path": "model-00002.safetensors", "size": own.size, "sha256": own.sha256})
    merged.save()
    file = {"path": "adder.gguf", "size": sent.size, "sha256": sent.sha256}
    make_export(merged, files=[file])
    request_run(cast.access(cast.owner))
    found = run_tidying().result["storage"]["kinds"]
    report = len(blobs.read(merged.report_sha256))
    # The other files are the base's, which comes first.
    assert found["merged"] == {"count": 2, "bytes": own.size + report}
    assert found["exports"] == {"count": 1, "bytes": sent.size}
    assert "Merged models" in cast.client(cast.viewer).get("/w/team/settings/storage").content.decode()
    assert cast.api(cast.editor).delete(REST).status_code == 204
    request_run(cast.access(cast.owner))
    run_tidying()
    assert not any(blobs.exists(sha256) for sha256 in (own.sha256, sent.sha256, merged.report_sha256))
    assert blobs.exists(merged.files[0]["sha256"])


def test_who_may(cast, version):
    make_merged_model(version)
    for user, status in ((cast.viewer, 403), (cast.outsider, 404)):
        assert cast.api(user).delete(REST).status_code == status
        for ask in ("get", "post"):
            assert getattr(cast.client(user), ask)(PAGE).status_code == status
    assert cast.api(cast.editor).delete(REST.replace("/1/merged", "/2/merged")).status_code == 404
    assert cast.api(cast.editor).delete(REST[:-1] + "9").status_code == 404
    assert cast.api(cast.editor).delete(REST).status_code == 204
    assert cast.api(cast.editor).delete(REST).status_code == 404
