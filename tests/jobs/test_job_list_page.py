"""The list of jobs."""

import re

import pytest

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.services.record_events import record_events
from tests.jobs.makers import make_job, make_version, records
from tests.pages import words

PAGE = "/w/team/jobs/"


@pytest.fixture
def browser(cast):
    return cast.client(cast.viewer)


def numbers(response):
    """The jobs in the table, in their order."""
    return [int(number) for number in re.findall(r'id="job-(\d+)" class', response.content.decode())]


def test_the_newest_job_comes_first(cast, tiny_base, browser):
    for _ in range(3):
        make_job(cast.access(cast.editor), tiny_base)
    assert numbers(browser.get(PAGE)) == [3, 2, 1]


def test_state_adapter_and_dataset_narrow_the_list(cast, tiny_base, browser):
    access = cast.access(cast.editor)
    make_version(cast.team, cast.owner, "poems")
    cancel_job(access, make_job(access, tiny_base))
    create_job(access, adapter="poet", dataset="poems", base_model="tiny", config={})
    assert numbers(browser.get(PAGE, {"state": "cancelled"})) == [1]
    assert numbers(browser.get(PAGE, {"adapter": "poet"})) == [2]
    assert numbers(browser.get(PAGE, {"dataset": "sums"})) == [1]
    assert numbers(browser.get(PAGE, {"state": "queued", "dataset": "sums"})) == []
    assert numbers(browser.get(PAGE, {"state": "nonsense"})) == [2, 1]


def test_htmx_gets_the_table_alone_and_asks_again_only_while_something_is_open(cast, tiny_base, browser):
    access = cast.access(cast.editor)
    job = make_job(access, tiny_base)
    part = browser.get(f"{PAGE}?state=", headers={"HX-Request": "true"})
    assert not part.content.strip().lower().startswith(b"<!doctype")
    assert f'hx-get="{PAGE}?state="' in part.content.decode()
    assert "HX-Request" in part["Vary"]
    cancel_job(access, job)
    assert 'hx-trigger="every' not in browser.get(PAGE, headers={"HX-Request": "true"}).content.decode()


def test_the_back_button_gets_the_whole_page(cast, tiny_base, browser):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert browser.get(PAGE, headers=headers).content.strip().lower().startswith(b"<!doctype")


def test_a_row_tells_how_far_the_job_is_and_why_it_failed(cast, tiny_base, browser, live_redis):
    make_job(cast.access(cast.editor), tiny_base)
    attempt = claim_next_job("w")
    record_events(attempt, records(attempt, PhaseEvent(phase="training", done=3, total=12)))
    assert "training, 25 %" in words(browser.get(PAGE).content.decode())
    end_attempt.fail(attempt, "out_of_memory")
    assert "ran out of memory" in browser.get(PAGE).content.decode()


def test_many_jobs_come_in_pages(cast, tiny_base, browser):
    for _ in range(27):
        make_job(cast.access(cast.editor), tiny_base)
    assert len(numbers(browser.get(PAGE))) == 25
    assert numbers(browser.get(PAGE, {"page": 2})) == [2, 1]


def test_the_number_of_queries_does_not_grow_with_the_jobs(cast, tiny_base, browser, django_assert_max_num_queries):
    for _ in range(10):
        make_job(cast.access(cast.editor), tiny_base)
    with django_assert_max_num_queries(10):
        browser.get(PAGE)


def test_an_empty_workspace_invites_those_who_may(cast, browser):
    assert "/w/team/jobs/new" not in browser.get(PAGE).content.decode()
    assert "/w/team/jobs/new" in cast.client(cast.editor).get(PAGE).content.decode()


def test_a_viewer_gets_no_button_to_make_or_clone(cast, tiny_base, browser):
    make_job(cast.access(cast.editor), tiny_base)
    assert "jobs/new" not in browser.get(PAGE).content.decode()


def test_an_outsider_finds_nothing(cast):
    assert cast.client(cast.outsider).get(PAGE).status_code == 404
