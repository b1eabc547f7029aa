"""Signing in and the API token that is shown once."""

import re

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import shot


def test_without_a_session_every_page_leads_to_the_sign_in(stack, browser):
    context = browser.new_context(base_url=stack.address)
    page = context.new_page()
    page.goto("/w/team/jobs/")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_label("Password")).to_be_visible()
    shot(page, "sign-in")
    context.close()


def test_a_token_made_on_the_page_opens_the_api_and_is_shown_once(page, stack):
    page.goto("/w/team/settings/tokens")
    page.get_by_label("Name").fill("from the browser")
    page.get_by_role("button", name=re.compile("Make|Create")).click()
    token = re.search(r"graft_[\w-]{43}", page.content()).group()
    shot(page, "token-shown-once")
    answer = httpx.get(f"{stack.address}/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == httpx.codes.OK
    page.goto("/w/team/settings/tokens")
    assert token not in page.content()
    expect(page.locator("main")).to_contain_text("from the browser")


def test_the_api_docs_show_every_call(page):
    page.goto("/api/v1/docs")
    expect(page.locator("#swagger-ui")).to_contain_text("/jobs", timeout=15_000)
    shot(page, "api-docs")
