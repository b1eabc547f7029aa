"""Every page is right at 360, 768 and 1440 px, light and dark: nothing sticks out, nothing is unnamed."""

import pytest

from tests.browser.conftest import shot, watch_for_problems
from tests.journey.fixtures import queue, wait_for

PAGES = {
    "home": "",
    "datasets": "datasets/",
    "dataset-new": "datasets/new",
    "dataset-new-hub": "datasets/new/hub",
    "dataset-new-shared": "datasets/new/shared",
    "dataset": "datasets/support/v/1/",
    "dataset-rows": "datasets/support/v/1/rows",
    "dataset-findings": "datasets/support/v/1/findings",
    "dataset-tokens": "datasets/support/v/1/tokens",
    "dataset-derive": "datasets/support/v/1/derive",
    "dataset-versions": "datasets/support/",
    "dataset-delete": "datasets/support/delete",
    "row": "datasets/support/v/1/rows/1",
    "jobs": "jobs/",
    "job-new": "jobs/new",
    "job": "jobs/{job}/",
    "adapters": "adapters/",
    "adapter-versions": "adapters/versions",
    "alias-new": "adapters/shown/aliases/new",
    "adapter": "adapters/shown/",
    "adapter-version": "adapters/shown/v/1/",
    "adapter-link": "adapters/shown/v/1/link",
    "bases": "bases/",
    "base": "bases/tiny/",
    "workers": "workers/",
    "settings": "settings/",
    "tokens": "settings/tokens",
    "limits": "settings/limits",
    "hub-token": "settings/hub-token",
    "storage": "settings/storage",
    "adapter-delete": "adapters/shown/v/1/delete",
    "base-delete": "bases/tiny/delete",
}


@pytest.fixture(scope="module")
def job(stack):
    """A finished job whose adapter `shown` the pages show."""
    with stack.client() as rest:
        number = queue(rest, "shown")
        assert wait_for(rest, number)["state"] == "succeeded"
    return number


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_is_wider_than_the_screen(stack, browser, signed_in, job, width, theme):
    context = browser.new_context(
        base_url=stack.address,
        storage_state=signed_in,
        viewport={"width": width, "height": 900},
        color_scheme=theme,
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    too_wide = []
    for name, path in PAGES.items():
        page.goto(f"/w/team/{path.format(job=job)}")
        page.wait_for_load_state("load")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(name)
        shot(page, f"{name}-{width}-{theme}")
    context.close()
    assert too_wide == []
    assert problems == []


def test_every_control_has_a_name_and_every_page_one_heading(page, job):
    faults = []
    for name, path in PAGES.items():
        page.goto(f"/w/team/{path.format(job=job)}")
        faults += [(name, fault) for fault in page.evaluate(FAULTS)]
    assert faults == []


FAULTS = """() => {
  const faults = [];
  if (document.querySelectorAll("h1").length !== 1) faults.push("not exactly one h1");
  if (!document.title.endsWith("Graft")) faults.push("title: " + document.title);
  for (const box of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!box.labels?.length && !box.getAttribute("aria-label") && !box.getAttribute("aria-labelledby"))
      faults.push("no label: " + box.outerHTML.slice(0, 80));
  for (const button of document.querySelectorAll("button, a[href]"))
    if (!button.textContent.trim() && !button.getAttribute("aria-label")) faults.push(button.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push("twice: " + id);
  return faults;
}"""


def test_the_first_tab_stop_leads_to_the_content(page):
    page.goto("/w/team/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
