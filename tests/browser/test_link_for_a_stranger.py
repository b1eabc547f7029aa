"""A member makes a link, and somebody without an account downloads by it."""

import hashlib
import zipfile

import pytest

from tests.browser.conftest import shot, watch_for_problems
from tests.journey.fixtures import queue, wait_for


@pytest.fixture(scope="module")
def job(stack):
    with stack.client() as rest:
        number = queue(rest, "given")
        assert wait_for(rest, number)["state"] == "succeeded"
    return number


def test_a_stranger_downloads_by_a_link_that_was_made_on_the_page(stack, browser, page, job, tmp_path):
    problems = watch_for_problems(page)
    page.goto("/w/team/adapters/given/v/1/")
    page.get_by_role("link", name="make a link").click()
    page.get_by_label("What it gives").select_option(label="everything, as zip")
    page.get_by_label("How long it works").select_option(label="1 hour")
    page.get_by_role("button", name="Make the link").click()
    address = page.get_by_label("The link", exact=True).inner_text()
    shot(page, "adapter-link-made")
    assert address.startswith(f"{stack.address}/d/")

    stranger = browser.new_context(accept_downloads=True)  # not signed in
    theirs = stranger.new_page()
    theirs.set_content(f'<a href="{address}">take it</a>')
    with theirs.expect_download() as begun:
        theirs.get_by_role("link", name="take it").click()
    assert begun.value.suggested_filename == "given-v1.zip"
    begun.value.save_as(tmp_path / "got.zip")
    with zipfile.ZipFile(tmp_path / "got.zip") as opened:
        weights = opened.read("given-v1/adapter_model.safetensors")
        assert hashlib.sha256(weights).hexdigest() in opened.read("given-v1/SHA256SUMS").decode()

    page.get_by_role("button", name="Revoke all links").click()
    page.get_by_text("No link that was made in this workspace until now works any more.").wait_for()
    theirs.goto(address)
    assert "taken back" in theirs.inner_text("main")
    shot(theirs, "adapter-link-over")
    stranger.close()
    assert problems == []
