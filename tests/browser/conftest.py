"""Debian's Chromium, driven by Playwright, against the real stack. Without a Chromium the tests say that they skip."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

SHOTS = Path(os.environ.get("GRAFT_SHOTS", Path(__file__).resolve().parents[2] / "build" / "screenshots"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser():
    """One headless Chromium for these tests; it ends with them, since its event loop would forbid others a loop."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def signed_in(stack, browser: Browser):
    """The storage state of a browser that followed the sign-in link once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(stack.manage("sign_in_link").strip())
    assert page.url.endswith("/w/team/"), page.url
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(stack, browser: Browser, signed_in):
    """A signed-in page at 1440 px; a script error, a failed request or an error in the console fails the test."""
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    yield page
    context.close()
    assert problems == []


def watch_for_problems(page: Page) -> list[str]:
    """Collects what a person would see as something broken."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
    page.on(
        "response",
        lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
    )
    return problems


def is_problem(message: ConsoleMessage) -> bool:
    """Chromium reports every refused form (422) and unknown page (404) as an error; those are answers here."""
    return message.type == "error" and not re.search(r"status of (404|422)", message.text)


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page in `build/screenshots`."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
