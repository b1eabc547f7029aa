"""The page of a job in the browser: evaluations, sample answers and what the method measures, live and after a reload."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHOTS, shot, watch_for_problems
from tests.journey.fixtures import queue, wait_for

EVALUATED = {"max_steps": 12, "eval_steps": 3, "sample_generations": 2, "learning_rate": 1e-2}


SOME_PIXELS = 1000


def drawn_pixels(page, chart):
    """How many pixels of the chart are not empty."""
    page.wait_for_timeout(300)  # it is drawn in the frames after the canvas is there
    return page.locator(f"{chart} canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
             .filter((value, index) => index % 4 === 3 && value > 0).length"""
    )


@pytest.fixture(scope="module")
def job(stack):
    """A finished job with four evaluations."""
    with stack.client() as rest:
        number = queue(rest, "watched", **EVALUATED)
        assert wait_for(rest, number)["state"] == "succeeded"
    return number


def test_the_evaluations_are_drawn_and_their_answers_walked_through(page, rest, job):
    looks = rest.get(f"/jobs/{job}/evaluations").json()
    answered = [look["step"] for look in looks["items"] if look["answers"]]
    page.goto(f"/w/team/jobs/{job}/")
    expect(page.locator("#held-out-chart canvas")).to_be_visible()
    legend = page.locator("#held-out-chart .u-legend")
    expect(legend).to_contain_text("Held-out")
    assert drawn_pixels(page, "#held-out-chart") > SOME_PIXELS
    words = page.locator("#held-out-words")
    expect(words).to_contain_text(f"Best, step {looks['best_step']}")
    expect(words).to_contain_text(f"Sample answers at step {answered[-1]}")
    expect(page.get_by_role("button", name="Later answers")).to_be_disabled()
    page.get_by_role("link", name="Earlier answers").click()
    expect(words).to_contain_text(f"Sample answers at step {answered[-2]}")
    page.get_by_role("link", name="Later answers").click()
    expect(words).to_contain_text(f"Sample answers at step {answered[-1]}")
    shot(page, "job-watched")


def test_a_new_evaluation_comes_by_itself(page, rest):
    number = queue(rest, "live", **EVALUATED)
    page.goto(f"/w/team/jobs/{number}/")
    expect(page.locator("#held-out-words")).to_contain_text("Best, step", timeout=60_000)
    assert wait_for(rest, number)["state"] == "succeeded"
    newest = rest.get(f"/jobs/{number}/evaluations").json()["items"][-1]["step"]
    expect(page.locator("#held-out-words")).to_have_attribute("data-newest", f"1:{newest}")
    expect(page.locator("#job-facts")).to_contain_text("tokens/s")


def test_what_a_method_measures_beyond_the_loss_is_drawn(page, rest):
    pairs = [
        {"prompt": f"What is {i} + {i}?", "chosen": str(2 * i), "rejected": "no idea", "split": "train"}
        for i in range(12)
    ]
    content = "".join(f"{json.dumps(pair)}\n" for pair in pairs).encode()
    rest.post("/datasets", data={"name": "pairs"}, files={"file": ("pairs.jsonl", content)})
    number = queue(rest, "preferring", dataset="pairs", method="dpo", max_steps=4)
    assert wait_for(rest, number)["state"] == "succeeded"
    extra = rest.get(f"/jobs/{number}/metrics").json()["items"][-1]["extra"]
    assert extra
    page.goto(f"/w/team/jobs/{number}/")
    expect(page.locator("#job-extras-chart canvas")).to_be_visible()
    expect(page.locator("#job-extras-chart .u-legend")).to_contain_text("Rewards chosen")
    assert drawn_pixels(page, "#job-extras-chart") > SOME_PIXELS
    expect(page.locator("#job-extras-newest")).to_contain_text("Rewards accuracies")
    expect(page.locator("#held-out")).to_have_count(0)
    page.locator("#job-extras").scroll_into_view_if_needed()
    shot(page, "job-extras")


def test_config_and_script_are_downloaded(page, job):
    page.goto(f"/w/team/jobs/{job}/")
    for button, name in (("#job-yaml", f"job-{job}.yaml"), ("#job-script", f"job-{job}.py")):
        with page.expect_download() as download:
            page.locator(button).click()
        assert download.value.suggested_filename == name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_the_screen(stack, browser, signed_in, job, width, theme):
    context = browser.new_context(
        base_url=stack.address,
        storage_state=signed_in,
        viewport={"width": width, "height": 900},
        color_scheme=theme,
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto(f"/w/team/jobs/{job}/")
    expect(page.locator("#held-out-chart canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert drawn_pixels(page, "#held-out-chart") > SOME_PIXELS
    page.screenshot(path=SHOTS / f"job-watched-{width}-{theme}.png", full_page=True)
    context.close()
    assert problems == []
