"""The order of waiting jobs is changed: by services, over REST and on the page of jobs."""

import re

import pytest

from finetune_app.errors import NotFound, UserError
from finetune_app.jobs.priorities import Priority
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.reorder_queue import move_before, move_in_queue, set_priority
from tests.jobs.makers import make_job
from tests.jobs.queues import GIB, change, copies, gpu_worker, waiting
from tests.pages import words


@pytest.fixture
def five(cast, tiny_base):
    """Five waiting jobs of `team`, 1 to 5; the access of its editor."""
    access = cast.access(cast.editor)
    for _ in range(5):
        make_job(access, tiny_base)
    return access


def test_up_down_and_first(cast, five):
    move_in_queue(five, 4, "up")
    assert waiting(cast.team) == [1, 2, 4, 3, 5]
    move_in_queue(five, 1, "down")
    assert waiting(cast.team) == [2, 1, 4, 3, 5]
    move_in_queue(five, 5, "first")
    assert waiting(cast.team) == [5, 2, 1, 4, 3]
    assert claim_next_job("w").job.number == 5


def test_the_ends_of_the_line_stay(cast, five):
    move_in_queue(five, 1, "up")
    move_in_queue(five, 1, "first")
    move_in_queue(five, 5, "down")
    assert waiting(cast.team) == [1, 2, 3, 4, 5]


def test_a_job_alone_stays(cast, tiny_base):
    access = cast.access(cast.editor)
    make_job(access, tiny_base)
    for to in ("first", "up", "down"):
        move_in_queue(access, 1, to)
    assert waiting(cast.team) == [1]


def test_before_another_one(cast, five):
    move_before(five, 5, 2)
    assert waiting(cast.team) == [1, 5, 2, 3, 4]
    move_before(five, 1, 4)
    assert waiting(cast.team) == [5, 2, 3, 1, 4]
    move_before(five, 3, 3)
    assert waiting(cast.team) == [5, 2, 3, 1, 4]


def test_a_new_job_comes_last_however_often_others_were_moved(cast, tiny_base, five):
    for _ in range(3):
        for number in (1, 2, 3, 4, 5):
            for _ in range(5):
                move_in_queue(five, number, "down")
    make_job(five, tiny_base)
    assert waiting(cast.team) == [1, 2, 3, 4, 5, 6]


def test_two_jobs_change_places_any_number_of_times(cast, five):
    for turn in range(20):
        move_before(five, 3 if turn % 2 else 2, 2 if turn % 2 else 3)
        assert waiting(cast.team) == [1, 3, 2, 4, 5] if turn % 2 else [1, 2, 3, 4, 5]


def test_between_two_jobs_there_is_always_room(cast, five):
    """Each time the last of three goes between the other two."""
    order = [1, 2, 3]
    for _ in range(150):
        move_before(five, order[2], order[1])
        order = [order[0], order[2], order[1]]
        assert waiting(cast.team)[:3] == order


def test_a_priority_puts_a_job_before_all_of_the_lower_ones(cast, five):
    move_in_queue(five, 4, "first")
    set_priority(five, 3, Priority.HIGH)
    set_priority(five, 1, Priority.LOW)
    assert waiting(cast.team) == [3, 4, 2, 5, 1]
    set_priority(five, 4, Priority.HIGH)  # it was first of the normal ones; now its age decides
    assert waiting(cast.team) == [3, 4, 2, 5, 1]


def test_a_job_is_moved_among_those_of_its_priority(cast, five):
    set_priority(five, 5, Priority.HIGH)
    move_in_queue(five, 3, "first")
    assert waiting(cast.team) == [5, 3, 1, 2, 4]
    with pytest.raises(UserError, match="Job 5 has the priority high, job 4 normal") as refused:
        move_before(five, 4, 5)
    assert (refused.value.code, refused.value.field) == ("other_priority", "before")


def test_a_job_that_runs_is_not_moved(cast, five):
    claim_next_job("w")
    for refuse in (
        lambda: move_in_queue(five, 1, "up"),
        lambda: move_before(five, 2, 1),
        lambda: set_priority(five, 1, Priority.HIGH),
    ):
        with pytest.raises(UserError) as refused:
            refuse()
        assert refused.value.code == "not_queued"


def test_a_viewer_and_an_outsider_change_nothing(cast, five):
    for act in (
        lambda access: move_in_queue(access, 5, "first"),
        lambda access: move_before(access, 5, 1),
        lambda access: set_priority(access, 5, Priority.HIGH),
    ):
        with pytest.raises(UserError) as refused:
            act(cast.access(cast.viewer))
        assert refused.value.code == "not_allowed"
        with pytest.raises(NotFound):
            act(cast.access(cast.outsider))
    assert waiting(cast.team) == [1, 2, 3, 4, 5]


def test_a_move_takes_the_same_queries_whatever_the_queue(cast, five, django_assert_num_queries):
    copies(five.workspace.jobs.first(), 500)
    # Lock, job and line; then the last number and the new place, between two savepoints.
    with django_assert_num_queries(7):
        move_in_queue(five, 400, "up")


PAGE = "/w/team/jobs/"
HTMX = {"HX-Request": "true"}


def shown(response) -> list[int]:
    """The waiting jobs in the order in which the page shows them."""
    return [int(number) for number in re.findall(r'id="queue-(\d+)-priority"', response.content.decode())]


def test_the_page_shows_what_waits_in_its_order_and_buttons_change_it(cast, five):
    browser = cast.client(cast.editor)
    assert shown(browser.get(PAGE)) == [1, 2, 3, 4, 5]
    part = browser.post(f"{PAGE}3/move", {"to": "first"}, headers=HTMX)
    assert shown(part) == [3, 1, 2, 4, 5]
    assert b"<!doctype" not in part.content.lower()
    part = browser.post(f"{PAGE}5/priority", {"priority": "high"}, headers=HTMX)
    assert shown(part) == [5, 3, 1, 2, 4]
    assert browser.post(f"{PAGE}4/move", {"to": "up"}).url == PAGE  # without JavaScript
    assert shown(browser.get(PAGE)) == [5, 3, 1, 4, 2]


def test_the_page_asks_again_and_gets_only_what_changed(cast, five):
    browser = cast.client(cast.editor)
    address = re.search(r'hx-get="(/w/team/jobs/queue[^"]*)"', browser.get(PAGE).content.decode())[1]
    assert browser.get(address, headers=HTMX).status_code == 204
    claim_next_job("w")
    assert shown(browser.get(address, headers=HTMX)) == [2, 3, 4, 5]
    for _ in range(4):
        claim_next_job("w")
    empty = browser.get(address, headers=HTMX).content.decode()
    assert "hx-get" not in empty
    assert 'id="job-queue"' in empty


def test_a_job_that_began_meanwhile_is_just_not_there_any_more(cast, five):
    claim_next_job("w")
    part = cast.client(cast.editor).post(f"{PAGE}1/move", {"to": "down"}, headers=HTMX)
    assert shown(part) == [2, 3, 4, 5]


def test_the_page_says_why_a_job_waits(cast, five):
    change(five.workspace.jobs.get(number=2), memory_bytes=38 * GIB)
    gpu_worker(gib=24)
    assert "It needs 38 GiB; the largest worker online has 24 GiB." in words(
        cast.client(cast.viewer).get(PAGE).content.decode()
    )


def test_a_long_queue_is_shown_in_part(cast, five, django_assert_max_num_queries):
    copies(five.workspace.jobs.first(), 60)
    browser = cast.client(cast.editor)
    with django_assert_max_num_queries(11):
        page = browser.get(PAGE)
    assert len(shown(page)) == 30
    assert "35 more waiting" in words(page.content.decode())
    assert len(shown(browser.get(f"{PAGE}?all"))) == 65
    assert len(shown(browser.post(f"{PAGE}2/move?all", {"to": "up"}, headers=HTMX))) == 65


def test_a_viewer_sees_the_queue_without_buttons(cast, five):
    browser = cast.client(cast.viewer)
    page = browser.get(PAGE).content.decode()
    assert 'id="job-queue"' in page
    assert "/move" not in page
    assert "/priority" not in page
    assert browser.post(f"{PAGE}3/move", {"to": "first"}, headers=HTMX).status_code == 403
    assert browser.post(f"{PAGE}3/priority", {"priority": "high"}, headers=HTMX).status_code == 403
    assert waiting(cast.team) == [1, 2, 3, 4, 5]


def test_an_outsider_finds_no_queue(cast, five):
    browser = cast.client(cast.outsider)
    assert browser.get(f"{PAGE}queue").status_code == 404
    assert browser.post(f"{PAGE}3/move", {"to": "first"}).status_code == 404
    assert browser.post(f"{PAGE}3/priority", {"priority": "high"}).status_code == 404


def post(client, path, body):
    return client.post(f"/api/v1/jobs/{path}".rstrip("/"), body, content_type="application/json")


def test_rest_moves_a_job_and_gives_it_a_priority(cast, five):
    client = cast.api(cast.editor)
    assert post(client, "4/move", {"before": 2}).json()["number"] == 4
    assert waiting(cast.team) == [1, 4, 2, 3, 5]
    post(client, "5/move", {"to": "first"})
    assert waiting(cast.team) == [5, 1, 4, 2, 3]
    assert post(client, "3/priority", {"priority": "high"}).status_code == 200
    assert waiting(cast.team) == [3, 5, 1, 4, 2]


def test_a_job_is_made_with_a_priority_and_tells_it(cast, five):
    client = cast.api(cast.editor)
    order = {"adapter": "adder", "dataset": "sums", "base_model": "tiny"}
    made = post(client, "", {**order, "priority": "high"}).json()
    assert (made["number"], made["priority"]) == (6, "high")
    assert waiting(cast.team) == [6, 1, 2, 3, 4, 5]
    assert client.get("/api/v1/jobs/1").json()["priority"] == "normal"
    assert post(client, "", {**order, "priority": "7"}).status_code == 422


def test_the_home_page_lists_what_waits_in_its_order(cast, five):
    move_in_queue(five, 4, "first")
    page = cast.client(cast.viewer).get("/w/team/").content.decode()
    listed = [int(number) for number in re.findall(r'id="job-(\d+)"', page)]
    assert listed[:3] == [4, 1, 2]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("4/move", {}, 422, "invalid_fields"),
        ("4/move", {"to": "up", "before": 1}, 422, "invalid_fields"),
        ("4/move", {"to": "sideways"}, 422, "invalid_fields"),
        ("4/move", {"before": 99}, 404, "job_not_found"),
        ("4/priority", {"priority": "urgent"}, 422, "invalid_fields"),
        ("99/move", {"to": "up"}, 404, "job_not_found"),
        ("1/move", {"to": "up"}, 409, "not_queued"),
        ("4/move", {"before": 1}, 409, "not_queued"),
        ("1/priority", {"priority": "low"}, 409, "not_queued"),
    ],
)
def test_rest_says_what_is_wrong(cast, five, path, body, status, code):
    claim_next_job("w")  # job 1
    answer = post(cast.api(cast.editor), path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert waiting(cast.team) == [2, 3, 4, 5]


def test_over_rest_a_viewer_may_not_and_an_outsider_finds_nothing(cast, five):
    for path, body in (("4/move", {"to": "first"}), ("4/priority", {"priority": "high"})):
        assert post(cast.api(cast.viewer), path, body).status_code == 403
        assert post(cast.api(cast.outsider), path, body).status_code == 404
    assert waiting(cast.team) == [1, 2, 3, 4, 5]
