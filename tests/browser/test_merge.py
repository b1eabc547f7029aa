"""Merging in the browser: asked for by the form, watched, stopped; and the proof with its charts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHOTS, watch_for_problems
from tests.browser.test_job_watch import SOME_PIXELS, drawn_pixels

VERSION = "/w/team/adapters/folded/v/1/"
PROOF = f"{VERSION}merged/1/"


def test_a_merge_is_asked_for_watched_stopped_and_tried_again(page, merged):
    page.goto(VERSION)
    page.locator("#merged").get_by_role("link", name="Merge", exact=True).click()
    expect(page.get_by_label("The original weights")).to_be_checked()
    page.get_by_text("More options").click()
    page.get_by_label("Prompts of the proof").fill("3")
    page.get_by_role("button", name="Merge and prove").click()
    expect(page.locator(".invalid-feedback")).to_contain_text("Must be 64 or more.")
    page.get_by_label("Measure both ways").uncheck()
    page.get_by_label("Prompts of the proof").fill("65")
    page.get_by_role("button", name="Merge and prove").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#merge-progress")).to_contain_text("It was stopped")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("h1")).to_have_text(re.compile(r"Merged model 2\s+Stopped"))


def test_the_proof_is_drawn(page, merged):
    page.goto(PROOF)
    expect(page.locator("#merge-kl .u-legend")).to_contain_text("Base without the adapter")
    expect(page.locator("#merge-retention .u-legend")).to_contain_text("q_proj")
    assert drawn_pixels(page, "#merge-kl") > SOME_PIXELS
    assert drawn_pixels(page, "#merge-retention") > SOME_PIXELS
    expect(page.locator(".merge-gates tbody tr").first).to_contain_text("Passed:")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_is_no_wider_than_the_screen(stack, browser, signed_in, merged, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto(PROOF)
    expect(page.locator("#merge-kl canvas")).to_be_visible()
    expect(page.locator("#merge-charts-note")).to_be_empty()
    page.wait_for_timeout(300)  # the charts are drawn in the frames after the canvas is there
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"merged-model-{width}-{theme}.png", full_page=True)
    context.close()
    assert problems == []
