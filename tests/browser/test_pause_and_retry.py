"""A job paused, resumed and trained on by button, on its page."""

from playwright.sync_api import expect

from tests.browser.conftest import shot
from tests.journey.fixtures import queue, wait_for
from tests.journey.test_faults import steps_of

STEPS = {"max_steps": 40, "save_steps": 4}


def test_a_job_is_paused_resumed_and_trained_on_by_button(page, rest):
    number = queue(rest, "paused-here", **STEPS)
    page.goto(f"/w/team/jobs/{number}/")
    expect(page.locator("#job-log")).to_contain_text("step 2/40", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=60_000)
    expect(page.locator("#job-state")).to_contain_text("Paused: it goes on when it is resumed")
    expect(page.locator("[data-live-left]")).to_have_text("")
    shot(page, "job-paused")
    reached = steps_of(rest, number)[-1]
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#job-log")).to_contain_text(f"Goes on from step {reached}.", timeout=60_000)
    assert wait_for(rest, number, seconds=240)["state"] == "succeeded"
    assert steps_of(rest, number) == list(range(1, 41))
    page.get_by_role("link", name="Train on from step 40").click()
    expect(page.get_by_role("note")).to_contain_text(f"It goes on from step 40 of job {number}.")
    shot(page, "job-trained-on")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("main")).to_contain_text("ask for more", timeout=20_000)
