"""Exports in the browser: a kind and its options are chosen, the worker is watched, and the file is downloaded."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SHOTS, watch_for_problems

MERGED = "/w/team/adapters/folded/v/1/merged/1/"
NEW = f"{MERGED}exports/new"


@pytest.fixture(scope="module")
def exported(stack, browser, signed_in, merged) -> str:
    """The address of an OCI image, asked for and watched until it is there."""
    context = browser.new_context(base_url=stack.address, storage_state=signed_in)
    page = context.new_page()
    page.goto(MERGED)
    page.locator("#exports").get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_label("Type of the weights")).to_have_value("Q8_0")
    page.get_by_role("link", name="OCI image").click()
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("link", name=re.compile("Download"))).to_be_visible(timeout=30_000)
    address = page.url
    context.close()
    return address


def test_the_file_is_downloaded_and_the_list_leads_to_it(page, exported):
    page.goto(exported)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download")).click()
    assert download.value.suggested_filename.endswith(".oci.tar")
    page.goto(MERGED)
    page.locator("#exports").get_by_role("link", name="OCI image").click()
    expect(page).to_have_url(exported)


def test_what_must_be_set_up_first_is_said(page, merged):
    page.goto(f"{NEW}?kind=hub")
    expect(page.locator(".empty-title")).to_have_text("The workspace has no token for the hub")
    page.goto(f"{NEW}?kind=folder")
    expect(page.locator(".empty-title")).to_have_text("No place is named yet")


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1440, "light")])
def test_the_pages_are_no_wider_than_the_screen(stack, browser, signed_in, exported, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name, address in (("new", NEW), ("quantized", f"{NEW}?kind=quantized"), ("done", exported)):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=SHOTS / f"export-{name}-{width}-{theme}.png", full_page=True)
    context.close()
    assert problems == []
