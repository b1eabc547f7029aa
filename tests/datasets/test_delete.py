"""Deleting a version or a dataset: only by editors, never what something depends on."""

import pytest

from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import JobState
from finetune_app.storage import blobs
from tests.adapters.makers import make_version
from tests.datasets.makers import chat
from tests.datasets.tasks import put
from tests.jobs.makers import make_job

PAGE = "/w/team/datasets/sums/"
REST = "/api/v1/datasets/sums"


@pytest.fixture
def versions(cast):
    return put(cast, "sums", chat("1+1?", "2")), put(cast, "sums", chat("1+1?", "2"), chat("1+2?", "3"))


def test_a_version_goes_and_the_others_and_the_bytes_stay(cast, versions):
    browser = cast.client(cast.editor)
    assert "Delete sums@1?" in browser.get(f"{PAGE}v/1/delete").content.decode()
    answer = browser.post(f"{PAGE}v/1/delete", follow=True)
    assert "sums@1 was deleted." in answer.content.decode()
    assert [version.number for version in DatasetVersion.objects.all()] == [2]
    assert blobs.exists(versions[0].sha256)


def test_the_number_of_a_deleted_version_is_not_given_again(cast, versions):
    assert cast.api(cast.editor).delete(f"{REST}/versions/2").status_code == 204
    assert put(cast, "sums", chat("3+3?", "6")).number == 3


def test_the_last_version_takes_its_dataset_along(cast, versions):
    rest = cast.api(cast.editor)
    assert rest.delete(f"{REST}/versions/1").status_code == 204
    page = cast.client(cast.editor).get(f"{PAGE}v/2/delete").content.decode()
    assert "goes with its only version" in " ".join(page.split())
    assert rest.delete(f"{REST}/versions/2").status_code == 204
    assert not Dataset.objects.exists()


def test_a_dataset_goes_with_all_its_versions(cast, versions):
    browser = cast.client(cast.editor)
    assert "all its 2 versions" in browser.get(f"{PAGE}delete").content.decode()
    assert "The dataset sums was deleted." in browser.post(f"{PAGE}delete", follow=True).content.decode()
    assert not Dataset.objects.exists()
    put(cast, "sums", chat())
    assert cast.api(cast.editor).delete(REST).status_code == 204
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.FAILED])
def test_a_job_in_any_state_keeps_its_version(cast, tiny_base, versions, state):
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.update(state=state)
    rest = cast.api(cast.editor)
    for path in (REST, f"{REST}/versions/2"):
        answer = rest.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert f"{job} depends on it" in answer.json()["message"]
        assert answer.json()["details"] == [{"used_by": "job 1"}]
    assert rest.delete(f"{REST}/versions/1").status_code == 204
    browser = cast.client(cast.editor)
    page = browser.get(f"{PAGE}v/2/delete").content.decode()
    assert "It is in use" in page
    assert "Job 1" in page
    assert "btn-danger" not in page
    assert browser.post(f"{PAGE}v/2/delete").status_code == 409
    assert browser.post(f"{PAGE}delete").status_code == 409
    assert DatasetVersion.objects.get().number == 2


def test_an_adapter_whose_lineage_names_the_version_keeps_it(cast, tiny_base, tmp_path, versions):
    make_version(tiny_base, tmp_path / "adapter", dataset="sums", dataset_version=1, dataset_sha256=versions[0].sha256)
    rest = cast.api(cast.editor)
    answer = rest.delete(f"{REST}/versions/1")
    assert (answer.status_code, answer.json()["details"]) == (409, [{"used_by": "adapter adder@1"}])
    assert rest.delete(f"{REST}/versions/2").status_code == 204


def test_many_dependants_are_named_in_short_and_listed_in_full(cast, tiny_base, versions):
    for _ in range(7):
        make_job(cast.access(cast.editor), tiny_base)
    answer = cast.api(cast.editor).delete(REST).json()
    assert "job 5 and 2 more depend on it" in answer["message"]
    assert len(answer["details"]) == 7


def test_who_may(cast, versions):
    for path in ("delete", "v/1/delete"):
        for ask in ("get", "post"):
            assert getattr(cast.client(cast.viewer), ask)(PAGE + path).status_code == 403
            assert getattr(cast.client(cast.outsider), ask)(PAGE + path).status_code == 404
    for path in (REST, f"{REST}/versions/1"):
        assert cast.api(cast.viewer).delete(path).status_code == 403
        assert cast.api(cast.outsider).delete(path).status_code == 404
    assert cast.api(cast.editor).delete(f"{REST}/versions/9").status_code == 404
    assert DatasetVersion.objects.count() == 2
    page = cast.client(cast.viewer).get(PAGE).content.decode()
    assert "compare" in page
    assert "delete" not in page
