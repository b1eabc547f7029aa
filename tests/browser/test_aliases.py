"""A person finds two versions, compares them, and moves `production` from one to the other and back."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems
from tests.journey.fixtures import queue, wait_for

NAME = "aliased"
ADAPTER = f"/w/team/adapters/{NAME}/"


@pytest.fixture(scope="module")
def versions(stack):
    """Two versions of one adapter, trained by two jobs."""
    with stack.client() as rest:
        numbers = [queue(rest, NAME) for _ in range(2)]
        for number in numbers:
            assert wait_for(rest, number)["state"] == "succeeded"


def test_production_is_made_moved_and_taken_back(page, versions):
    page.goto(ADAPTER)
    page.get_by_role("link", name="New alias").click()
    dialog = page.locator("#alias-dialog")
    expect(dialog.get_by_label("Alias")).to_be_visible()
    dialog.get_by_label("Alias").fill("Not one")
    dialog.get_by_role("button", name="Make it").click()
    expect(dialog).to_contain_text("cannot be an alias")
    dialog.get_by_label("Alias").fill("production")
    dialog.get_by_label("Version").select_option("1")
    dialog.get_by_label("Why").fill("the first that reads orders right")
    shot(page, "alias-dialog")
    dialog.get_by_role("button", name="Make it").click()
    aliases = page.locator("#aliases")
    expect(aliases).to_contain_text("the first that reads orders right")
    page.goto(f"{ADAPTER}v/2/")
    page.get_by_role("button", name="Move an alias here").click()
    page.get_by_role("link", name="Move production here").click()
    dialog = page.locator("#alias-dialog")
    expect(dialog).to_contain_text("It means v1 now")
    expect(dialog.get_by_label("Version")).to_have_value("2")
    dialog.get_by_label("Why").fill("fewer wrong totals")
    dialog.get_by_role("button", name="Move it").click()
    expect(aliases).to_contain_text("fewer wrong totals")
    shot(page, "adapter-aliases")
    page.get_by_role("button", name="Undo the move of production: back to v1").first.click()
    expect(page.locator("#messages")).to_contain_text("“production” means v1 again.")
    page.get_by_text("What moved when").click()
    expect(aliases).to_contain_text("v2 → v1")


def test_a_version_is_described_and_found_again(page, versions):
    page.goto(f"{ADAPTER}v/2/")
    page.get_by_label("New tag").fill("team:orders")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("link", name="team:orders")).to_be_visible()
    page.get_by_text("Write notes").click()
    page.get_by_label("Notes", exact=True).fill("Knows the new order form.\nNot the old one.")
    page.get_by_role("button", name="Save the notes").click()
    expect(page.locator(".notes")).to_contain_text("Not the old one.")
    page.goto("/w/team/adapters/versions")
    page.get_by_label("Words in names, tags and notes").fill("order form")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    assert page.url.endswith("/w/team/adapters/versions?q=order+form")
    page.get_by_label("Words in names, tags and notes").fill(NAME)
    expect(page.locator("#found tbody tr")).to_have_count(2)
    page.get_by_text("Filters and order").click()
    page.get_by_label("Order").select_option("best")
    expect(page.locator("#found")).to_contain_text("Choose the measure to order by.")
    page.get_by_label("Measure").select_option(index=1)
    expect(page.locator("#found")).not_to_contain_text("Choose the measure")
    page.goto(f"/w/team/adapters/versions?q={NAME}&made_from=2020-01-01")
    expect(page.get_by_label("Made from")).to_have_value("2020-01-01")
    expect(page.locator("#found tbody tr")).to_have_count(2)
    shot(page, "adapter-versions")
    for number in (1, 2):
        page.get_by_label(f"Compare {NAME}@{number}").check()
    page.get_by_role("button", name="Compare chosen").click()
    page.wait_for_url("**/w/team/compare/?v=*")
    expect(page.locator("main")).to_contain_text(NAME)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_pages_fit_the_screen(stack, browser, signed_in, versions, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    pages = {
        "adapters": "/w/team/adapters/",
        "versions": "/w/team/adapters/versions?order=oldest&status=any",
        "adapter": ADAPTER,
        "version": f"{ADAPTER}v/2/",
        "moves": f"{ADAPTER}alias-moves",
        "new-alias": f"{ADAPTER}aliases/new",
    }
    for name, url in pages.items():
        page.goto(url)
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if theme == "light" or width == 1440:
            shot(page, f"registry-{name}-{width}-{theme}")
    context.close()
    assert problems == []
