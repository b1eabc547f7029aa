"""Deleting a base revision or a base model: only by editors, never what a version, a job or an import is on."""

import pytest

from adapters.models import AdapterImport, BaseModel, BaseRevision
from adapters.states import VersionStatus
from finetune_app.jobs.models import Job
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.jobs.makers import make_job
from tests.tiny_base import register_tiny_base

PAGE = "/w/team/bases/tiny/"
REST = "/api/v1/base-models/tiny"


@pytest.fixture
def revisions(cast, tiny_base):
    return [tiny_base, register_tiny_base(cast.team, seed=1)]


def refused(answer, *users):
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert [one["used_by"] for one in answer.json()["details"]] == list(users)


def test_a_revision_goes_and_its_number_is_not_given_again(cast, revisions):
    browser = cast.client(cast.editor)
    assert "Delete tiny@2?" in browser.get(f"{PAGE}r/2/delete").content.decode()
    assert "tiny@2 was deleted." in browser.post(f"{PAGE}r/2/delete", follow=True).content.decode()
    assert register_tiny_base(cast.team, seed=2).number == 3


def test_what_was_stale_because_of_the_revision_alone_is_servable_again(cast, tiny_base, tmp_path):
    version = make_version(tiny_base, tmp_path / "adapter")
    register_tiny_base(cast.team, seed=1)
    version.refresh_from_db()
    assert version.status == VersionStatus.STALE
    assert cast.api(cast.editor).delete(f"{REST}/revisions/2").status_code == 204
    version.refresh_from_db()
    assert version.status == VersionStatus.SERVABLE


def test_the_last_revision_takes_its_base_model_along(cast, revisions):
    rest = cast.api(cast.editor)
    assert rest.delete(f"{REST}/revisions/2").status_code == 204
    page = " ".join(cast.client(cast.editor).get(f"{PAGE}r/1/delete").content.decode().split())
    assert "the base model tiny goes too" in page
    assert rest.delete(f"{REST}/revisions/1").status_code == 204
    assert not BaseModel.objects.exists()


def test_a_base_model_goes_with_all_its_revisions(cast, revisions):
    browser = cast.client(cast.editor)
    assert "all its 2 revisions" in browser.get(f"{PAGE}delete").content.decode()
    assert "tiny was deleted." in browser.post(f"{PAGE}delete", follow=True).content.decode()
    assert not BaseRevision.objects.exists()


def test_versions_and_jobs_keep_their_base(cast, tmp_path, revisions):
    make_version(revisions[1], tmp_path / "adapter")
    make_job(cast.access(cast.editor), revisions[0])
    rest, browser = cast.api(cast.editor), cast.client(cast.editor)
    on = {job.base_revision.number: str(job) for job in Job.objects.all()}
    refused(rest.delete(REST), "adapter adder@1", *on.values())
    refused(rest.delete(f"{REST}/revisions/2"), "adapter adder@1", *[on[2]] if 2 in on else [])
    page = browser.get(f"{PAGE}r/2/delete").content.decode()
    assert "Adapter adder@1" in page
    assert "btn-danger" not in page
    assert browser.post(f"{PAGE}r/2/delete").status_code == 409
    assert BaseRevision.objects.count() == 2


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.FAILED])
def test_an_import_that_may_still_become_a_version_keeps_its_base(cast, revisions, state):
    AdapterImport.objects.create(
        workspace=cast.team, name="made-elsewhere", source={}, base_revision=revisions[1], state=state
    )
    refused(cast.api(cast.editor).delete(f"{REST}/revisions/2"), "the import of adapter made-elsewhere")


def test_an_import_that_is_over_does_not(cast, revisions):
    AdapterImport.objects.create(
        workspace=cast.team, name="x", source={}, base_revision=revisions[1], state=TaskState.SUCCEEDED
    )
    assert cast.api(cast.editor).delete(f"{REST}/revisions/2").status_code == 204


def test_who_may(cast, revisions):
    for path in ("delete", "r/1/delete"):
        for ask in ("get", "post"):
            assert getattr(cast.client(cast.viewer), ask)(PAGE + path).status_code == 403
            assert getattr(cast.client(cast.outsider), ask)(PAGE + path).status_code == 404
    for path in (REST, f"{REST}/revisions/1"):
        assert cast.api(cast.viewer).delete(path).status_code == 403
        assert cast.api(cast.outsider).delete(path).status_code == 404
    assert cast.api(cast.editor).delete(f"{REST}/revisions/9").status_code == 404
    assert BaseRevision.objects.count() == 2
