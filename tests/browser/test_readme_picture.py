"""Makes the README's picture: a finished job, from top to log.

By default of the stack's tiny model, into `build/screenshots`. With a running Graft whose sample job is done,
`GRAFT_SHOT_LINK="$(.venv/bin/python manage.py sign_in_link)" GRAFT_SHOTS=docs/images` before
`make test ARGS=tests/browser/test_readme_picture.py` renews the picture that the README shows.
"""

import os

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SHOTS
from tests.journey.fixtures import queue, wait_for


@pytest.fixture
def job_page(browser: Browser, request):
    """The page of a job that succeeded, alone in its browser."""
    link = os.environ.get("GRAFT_SHOT_LINK", "")
    if link:
        context = browser.new_context(viewport={"width": 1280, "height": 1500})
        page = context.new_page()
        page.goto(link)
        page.goto(f"{page.url}jobs/1/")
    else:
        stack, state = request.getfixturevalue("stack"), request.getfixturevalue("signed_in")
        context = browser.new_context(viewport={"width": 1280, "height": 1500}, storage_state=state)
        page = context.new_page()
        page.goto(f"{stack.address}/w/team/jobs/{request.getfixturevalue('finished_job')}/")
    yield page
    context.close()


@pytest.fixture
def finished_job(rest) -> int:
    """Any job that succeeded."""
    number = queue(rest, "pictured")
    assert wait_for(rest, number)["state"] == "succeeded"
    return number


def test_the_picture_shows_result_chart_and_log(job_page):
    expect(job_page.locator("#job-state")).to_contain_text("Succeeded")
    expect(job_page.locator("#job-chart canvas")).to_be_visible()
    expect(job_page.locator("[data-log-lines]")).to_contain_text("step")
    SHOTS.mkdir(parents=True, exist_ok=True)
    job_page.screenshot(path=SHOTS / "job.png", clip={"x": 0, "y": 0, "width": 1280, "height": 1500})
