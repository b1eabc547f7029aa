"""The page of the workers, and the same over REST: shared by all workspaces, without naming others' jobs."""

import pytest
from django.utils import timezone

from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import ONLINE, SHOWN
from finetune_app.fleet.services.announce_worker import say_gone
from finetune_app.jobs.fleet_page import WITH_DOCKER, WITHOUT_DOCKER
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.settings import ROOT
from tests.jobs.makers import make_job
from tests.jobs.queues import cpu_worker, gpu_worker
from tests.pages import words
from tests.tiny_base import register_tiny_base

PAGE = "/w/team/workers/"
REST = "/api/v1/workers"


@pytest.fixture
def others_job(cast):
    """A job of `elsewhere` that runs on `train@theirs`; the words on pages of `team` must not name it."""
    make_job(cast.access(cast.outsider), register_tiny_base(cast.elsewhere))
    return claim_next_job(gpu_worker("train@theirs").name).job


def text(response):
    return words(response.content.decode())


def test_a_machine_without_workers_teaches_how_to_add_one(cast):
    page = cast.client(cast.viewer).get(PAGE)
    assert "No worker has announced itself" in text(page)
    assert "launcher.role worker-train" in text(page)


def test_what_each_worker_has_and_runs(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    gpu_worker("train-gpu0@big", gib=80, gpus=2)
    cpu_worker("train@small")
    claim_next_job("train-gpu0@big")
    page = cast.client(cast.viewer).get(PAGE)
    assert "2 × NVIDIA L4" in text(page)
    assert "80.0 GiB each" in text(page)
    assert "1 adder" in text(page)
    assert 'href="/w/team/jobs/1/"' in page.content.decode()
    assert "nothing" in text(page)


def test_a_job_of_another_workspace_is_not_named(cast, others_job):
    page = cast.client(cast.owner).get(PAGE)
    assert "a job of another workspace" in text(page)
    assert others_job.adapter_name not in text(page)
    assert "/jobs/1/" not in page.content.decode()
    [worker] = cast.api(cast.owner).get(REST).json()["items"]
    assert (worker["state"], worker["job"]) == ("busy", None)
    assert cast.api(cast.outsider).get(REST).json()["items"][0]["job"] == 1


def test_workers_that_ended_or_fell_silent_are_gone_and_forgotten_after_a_day(cast):
    gpu_worker("a@ended")
    say_gone("a@ended")
    silent, old, _ = gpu_worker("b@silent"), gpu_worker("c@old"), gpu_worker("d@here")
    now = timezone.now()
    Worker.objects.filter(pk=silent.pk).update(seen_at=now - 2 * ONLINE)
    Worker.objects.filter(pk=old.pk).update(seen_at=now - 2 * SHOWN)
    found = cast.api(cast.viewer).get(REST).json()["items"]
    assert [(row["name"], row["state"]) for row in found] == [
        ("d@here", "idle"),
        ("a@ended", "gone"),
        ("b@silent", "gone"),
    ]
    assert "1 online" in text(cast.client(cast.viewer).get(PAGE))


def test_when_all_are_gone_the_page_says_that_no_job_can_start(cast, tiny_base):
    say_gone(gpu_worker().name)
    make_job(cast.access(cast.editor), tiny_base)
    page = text(cast.client(cast.viewer).get(PAGE))
    assert "No worker is online, so no job can start. 1 job of this workspace waits" in page


def test_htmx_gets_what_changes_alone(cast):
    part = cast.client(cast.viewer).get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith('<div id="workers"')
    assert "Add a worker" not in part


def test_the_number_of_queries_does_not_grow_with_the_workers(cast, tiny_base, django_assert_max_num_queries):
    for index in range(10):
        make_job(cast.access(cast.editor), tiny_base)
        claim_next_job(gpu_worker(f"train@{index}").name)
    browser = cast.client(cast.viewer)
    with django_assert_max_num_queries(9):
        assert text(browser.get(PAGE)).count("adder") == 10


def test_an_outsider_finds_nothing_and_rest_wants_a_token(cast, client):
    assert cast.client(cast.outsider).get(PAGE).status_code == 404
    assert client.get(REST).status_code == 401


def test_rest_tells_what_a_worker_has(cast):
    gpu_worker("train@a", gib=24)
    [worker] = cast.api(cast.viewer).get(REST).json()["items"]
    known = {"name": "train@a", "kind": "cuda", "device": "NVIDIA L4", "memory_bytes": 24 * 2**30, "gpus": 1}
    assert known.items() <= worker.items()
    assert worker["has_bf16"]


def test_the_commands_are_those_of_the_documentation():
    written = (ROOT / "docs" / "operating.md").read_text()
    for line in (*WITH_DOCKER.splitlines(), WITHOUT_DOCKER.splitlines()[-1]):
        assert line.strip().removesuffix("\\").strip() in written
