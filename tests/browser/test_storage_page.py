"""Settings → Storage in a browser: a look by a real worker, and what it found."""

import re

from tests.browser.conftest import shot
from tests.journey.fixtures import queue, wait_for


def test_an_admin_looks_sets_a_rule_and_sees_what_would_go(page, rest):
    for _ in range(2):
        assert wait_for(rest, queue(rest, "kept-house"))["state"] == "succeeded"
    page.goto("/w/team/settings/")
    page.get_by_role("link", name="Storage").click()
    page.get_by_label("Versions of each adapter").fill("1")
    page.get_by_role("button", name="Save the rule").click()
    page.get_by_text("The rule is saved.").wait_for()
    page.get_by_role("button", name=re.compile("^Look")).click()
    page.get_by_role("heading", name="What would go").wait_for()
    page.get_by_role("cell", name="kept-house@1", exact=True).wait_for(timeout=60_000)
    assert page.get_by_role("cell", name="kept-house@2", exact=True).count() == 0
    page.get_by_text("Why the others stay").click()
    page.get_by_text("kept-house@2: among the last of its adapter").wait_for()
    page.get_by_role("button", name="Look again").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 0)")
    shot(page, "storage-looked")
    page.get_by_text("Delete it now").click()
    page.get_by_role("button", name="Run now").scroll_into_view_if_needed()
    shot(page, "storage-run")
    rest.put("/housekeeping/rule", json={"keep_last": None})
