"""A row token by token and the tokens of all rows, in a browser: made by a real worker, walked without a mouse."""

import time

import pytest

from tests.browser.conftest import shot, watch_for_problems
from tests.journey.fixtures import rows

ROW = "/w/team/datasets/walked/v/1/rows/1"
TOKENS = "/w/team/datasets/walked/v/1/tokens"
PAGES = {"row-tokens": ROW, "row-tokens-cut": f"{ROW}?max_length=64", "version-tokens": f"{TOKENS}?max_length=96"}


@pytest.fixture(scope="module", autouse=True)
def walked(stack):
    """A dataset of its own: once its tokens are counted, jobs on it are refused that other tests want to see fail."""
    with stack.client() as client:
        client.post("/datasets", data={"name": "walked"}, files={"file": ("rows.jsonl", rows(50))}).raise_for_status()


def test_a_row_appears_when_the_worker_has_read_it_and_is_walked_by_keyboard(page):
    start = time.monotonic()
    page.goto(ROW)
    page.wait_for_selector("#tokens .token")
    print(f"preview after {time.monotonic() - start:.1f} s")  # noqa: T201 - seen with -s
    page.locator("#tokens .token").first.focus()
    page.keyboard.press("ArrowRight")
    facts = page.locator("#token-facts").text_content()
    assert "Token 2, id " in facts
    page.keyboard.press("End")
    assert "learned" in page.locator("#token-facts").text_content()
    page.fill("#token-max_length", "64")
    page.click("form >> text=Show")
    page.wait_for_selector(".token-cut")


def test_tokens_are_counted_on_a_click_and_a_max_length_changes_the_figures(page):
    page.goto(TOKENS)
    if page.locator("text=Count the tokens").count():
        page.click("text=Count the tokens")
    page.wait_for_selector("text=At a max length of 1,024")
    page.fill("#token-max_length", "96")
    page.wait_for_selector("text=At a max length of 96")
    assert "max_length=96" in page.url
    page.reload()
    assert "At a max length of 96" in page.content()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_pages_are_no_wider_than_the_screen(stack, browser, signed_in, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    for name, path in PAGES.items():
        page.goto(path)
        page.wait_for_selector("#tokens .token, .token-bars")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        shot(page, f"{name}-{width}-{theme}")
    context.close()
    assert problems == []
