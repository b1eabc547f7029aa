"""Versions beside each other in the browser: chosen by hand, their curves drawn, their changes measured by a worker."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHOTS, watch_for_problems
from tests.browser.test_job_watch import SOME_PIXELS, drawn_pixels
from tests.journey.fixtures import queue, wait_for

SHORT = {"max_steps": 8, "eval_steps": 4, "target_modules": ["q_proj", "v_proj", "down_proj"]}
PAGE = "/w/team/compare/?v=compared@1&v=compared@2&v=compared@3"


@pytest.fixture(scope="module")
def trained(stack):
    """Three versions whose rank and learning rate differ."""
    with stack.client() as rest:
        for config in ({}, {"r": 8, "lora_alpha": 16}, {"learning_rate": 5e-4, "use_rslora": True}):
            assert wait_for(rest, queue(rest, "compared", **SHORT, **config))["state"] == "succeeded"


def test_versions_are_chosen_and_compared(page, trained):
    page.goto("/w/team/compare/")
    page.get_by_label("Version 1", exact=True).fill("compared@1")
    page.get_by_label("Version 2", exact=True).fill("compared@9")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".invalid-feedback")).to_contain_text("There is no adapter version “compared@9”")
    page.get_by_label("Version 2", exact=True).fill("compared@2")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#compare-curves canvas")).to_be_visible()
    legend = page.locator("#compare-curves .u-legend")
    expect(legend).to_contain_text("A compared@1")
    expect(legend).to_contain_text("B compared@2")
    assert drawn_pixels(page, "#compare-curves") > SOME_PIXELS
    page.get_by_role("button", name="Held-out rows").click()
    expect(page.get_by_role("button", name="Held-out rows")).to_have_attribute("aria-pressed", "true")
    assert drawn_pixels(page, "#compare-curves") > SOME_PIXELS
    expect(page.locator("#config tbody")).to_contain_text("lora_alpha")
    expect(page.locator("#config tbody")).not_to_contain_text("target_modules")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#config tbody")).to_contain_text("target_modules")


def test_the_worker_measures_how_the_weights_changed(page, trained):
    page.goto(PAGE)
    expect(page.locator("#deltas .compare-matrix")).to_be_visible(timeout=60_000)
    expect(page.locator("#deltas .compare-matrix tbody tr")).to_have_count(3)
    grid = page.locator("#deltas .compare-grid").first
    expect(grid.locator("tbody th")).to_have_text(["down_proj", "q_proj", "v_proj"], use_inner_text=True)
    assert float(grid.locator("td.heat").first.get_attribute("title")) > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_is_no_wider_than_the_screen(stack, browser, signed_in, trained, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto(PAGE)
    expect(page.locator("#deltas .compare-matrix")).to_be_visible(timeout=60_000)
    expect(page.locator("#compare-curves canvas")).to_be_visible()
    page.wait_for_timeout(300)  # the chart is drawn in the frames after the canvas is there
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"compare-versions-{width}-{theme}.png", full_page=True)
    context.close()
    assert problems == []
