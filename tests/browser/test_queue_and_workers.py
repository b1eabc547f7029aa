"""The waiting jobs are put in order with the keyboard alone, and the workers are shown, at every width."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems
from tests.journey.fixtures import queue


@pytest.fixture
def waiting(stack):
    """Three jobs that wait, because no worker is there."""
    stack.end("train")
    with stack.client() as rest:
        numbers = [queue(rest, name) for name in ("first", "second", "third")]
        yield numbers
        for number in numbers:
            rest.post(f"/jobs/{number}/cancel")
    stack.start_train_worker()


def order(page):
    return [int(place.split()[0]) for place in page.locator("#job-queue .job-name").all_inner_texts()]


def test_the_keyboard_puts_jobs_in_order_and_keeps_its_place(page, waiting):
    first, second, third = waiting
    page.goto("/w/team/jobs/")
    assert order(page) == [first, second, third]
    expect(page.locator("#job-queue")).to_contain_text("No training worker is online.")
    page.locator(f"#queue-{third}-up").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#job-queue .job-name").nth(1)).to_contain_text("third")
    assert page.evaluate("document.activeElement.id") == f"queue-{third}-up"
    page.keyboard.press("Enter")
    expect(page.locator("#job-queue .job-name").nth(0)).to_contain_text("third")
    assert order(page) == [third, first, second]
    page.locator(f"#queue-{second}-priority").select_option("high")
    expect(page.locator("#job-queue .job-name").nth(0)).to_contain_text("second")
    assert order(page) == [second, third, first]
    page.reload()
    assert order(page) == [second, third, first]
    page.goto(f"/w/team/jobs/{first}/")
    expect(page.locator("#job-state")).to_contain_text("2 jobs before it in this workspace")
    expect(page.locator("#job-state")).to_contain_text("No training worker is online.")
    shot(page, "job-waiting")


def test_a_new_place_in_another_window_shows_by_itself(page, stack, waiting):
    page.goto("/w/team/jobs/")
    with stack.client() as rest:
        assert rest.post(f"/jobs/{waiting[2]}/move", json={"to": "first"}).is_success
    expect(page.locator("#job-queue .job-name").nth(0)).to_contain_text("third", timeout=20_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1440])
def test_queue_and_workers_fit_the_screen(stack, browser, signed_in, waiting, width, theme):
    context = browser.new_context(
        base_url=stack.address,
        storage_state=signed_in,
        viewport={"width": width, "height": 900},
        color_scheme=theme,
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    for name in ("jobs", "workers"):
        page.goto(f"/w/team/{name}/")
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"{name}-waiting-{width}-{theme}")
    context.close()
    assert problems == []
