"""Deleting a version or an adapter: only by editors, never what something depends on."""

import pytest

from adapters.models import Adapter, AdapterVersion
from adapters.services.move_alias import move_alias, take_alias_away
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import JobState
from finetune_app.storage import blobs
from tests.adapters.makers import make_version
from tests.jobs.makers import make_job

PAGE = "/w/team/adapters/adder/"
REST = "/api/v1/adapters/adder"


@pytest.fixture
def versions(cast, tiny_base, tmp_path):
    return [make_version(tiny_base, tmp_path / str(seed), key=f"job-{seed}", user=cast.editor) for seed in range(3)]


def numbers():
    return sorted(AdapterVersion.objects.values_list("number", flat=True))


def refused(answer, *users):
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert [one["used_by"] for one in answer.json()["details"]] == list(users)


def test_a_version_goes_and_the_others_and_the_bytes_stay(cast, versions):
    browser = cast.client(cast.editor)
    assert "Delete adder@1?" in browser.get(f"{PAGE}v/1/delete").content.decode()
    assert "adder@1 was deleted." in browser.post(f"{PAGE}v/1/delete", follow=True).content.decode()
    assert numbers() == [2, 3]
    assert blobs.exists(versions[0].manifest_sha256)


def test_after_the_newest_the_one_before_is_the_newest_and_the_number_is_not_given_again(
    cast, tiny_base, tmp_path, versions
):
    assert cast.api(cast.editor).delete(f"{REST}/versions/3").status_code == 204
    adapter = Adapter.objects.get()
    assert adapter.newest == versions[1]
    assert "adder" in cast.client(cast.viewer).get("/w/team/adapters/").content.decode()
    assert make_version(tiny_base, tmp_path / "again", key="job-9").number == 4


def test_the_last_version_takes_its_adapter_along(cast, versions):
    rest = cast.api(cast.editor)
    for number in (1, 2):
        assert rest.delete(f"{REST}/versions/{number}").status_code == 204
    page = " ".join(cast.client(cast.editor).get(f"{PAGE}v/3/delete").content.decode().split())
    assert "the adapter adder goes too" in page
    assert rest.delete(f"{REST}/versions/3").status_code == 204
    assert not Adapter.objects.exists()


def test_an_alias_keeps_its_version_and_its_adapter(cast, versions):
    access = cast.access(cast.editor)
    move_alias(access, versions[1], "production")
    rest, browser = cast.api(cast.editor), cast.client(cast.editor)
    for path in (f"{REST}/versions/2", f"{REST}/versions/production", REST):
        refused(rest.delete(path), "the alias adder@production")
    page = browser.get(f"{PAGE}v/2/delete").content.decode()
    assert "It is in use" in page
    assert "The alias adder@production" in page
    assert "btn-danger" not in page
    assert browser.post(f"{PAGE}v/2/delete").status_code == 409
    assert browser.post(f"{PAGE}delete").status_code == 409
    take_alias_away(access, versions[1].adapter, "production")
    assert rest.delete(f"{REST}/versions/2").status_code == 204


def test_a_version_that_others_came_from_stays_while_they_do(cast, tiny_base, tmp_path, versions):
    ancestor = {"adapter": "adder", "version": 1, "manifest_sha256": versions[0].manifest_sha256}
    make_version(tiny_base, tmp_path / "c", name="child", key="job-8", continues=ancestor)
    AdapterVersion.objects.filter(pk=versions[2].pk).update(retrains=versions[1])
    rest = cast.api(cast.editor)
    refused(rest.delete(f"{REST}/versions/1"), "adapter child@1, which continues from it")
    refused(rest.delete(f"{REST}/versions/2"), "adapter adder@3, which was retrained from it")
    assert rest.delete("/api/v1/adapters/child").status_code == 204
    assert rest.delete(REST).status_code == 204  # all versions go, so that one came from the other is no matter
    assert not AdapterVersion.objects.exists()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.FAILED])
def test_a_job_that_starts_with_a_version_keeps_it(cast, tiny_base, versions, state):
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(state=state, continues=versions[0])
    for path in (f"{REST}/versions/1", REST):
        refused(cast.api(cast.editor).delete(path), "job 1, which continues from it")


def test_a_job_that_retrains_a_version_keeps_it_until_it_ends(cast, tiny_base, versions):
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(retrains=versions[0])
    rest = cast.api(cast.editor)
    refused(rest.delete(f"{REST}/versions/1"), "job 1, which retrains it")
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    assert rest.delete(f"{REST}/versions/1").status_code == 204


def test_many_dependants_are_named_in_short_and_listed_in_full(cast, versions):
    for number in range(7):
        move_alias(cast.access(cast.editor), versions[0], f"a{number}")
    answer = cast.api(cast.editor).delete(REST).json()
    assert "the alias adder@a4 and 2 more" in answer["message"]
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
    assert numbers() == [1, 2, 3]
