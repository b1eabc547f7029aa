"""A large file goes in pieces: a connection that breaks in the middle costs one piece, and a worker reads the rest."""

import json

import pytest
from playwright.sync_api import Browser, expect

PIECES = "**/w/team/uploads/*"
ROW = json.dumps({"prompt": "word " * 100, "completion": "answer " * 60}) + "\n"


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """40 MB, so three pieces."""
    path = tmp_path_factory.mktemp("large") / "large-rows.jsonl"
    path.write_text(ROW * (40_000_000 // len(ROW)))
    return path


@pytest.fixture
def page(browser: Browser, signed_in, stack):
    """A page whose console may report the connection that this test breaks."""
    context = browser.new_context(base_url=stack.address, storage_state=signed_in)
    yield context.new_page()
    context.close()


def test_an_upload_goes_on_after_the_connection_broke(page, large_file, stack):
    broken, sent = [], []

    def break_the_second(route):
        if route.request.method != "PATCH":
            route.continue_()
            return
        offset = int(route.request.headers["upload-offset"])
        if offset and not broken:
            broken.append(offset)
            route.abort("connectionreset")
            return
        sent.append(offset)
        route.continue_()

    page.route(PIECES, break_the_second)
    page.goto("/w/team/datasets/new")
    page.get_by_label("Files").set_input_files(large_file)
    expect(page.get_by_label("Name")).to_have_value("large-rows")
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/datasets/large-rows/v/1/", timeout=60_000)
    expect(page.locator(".version-facts")).to_contain_text(f"{40_000_000 // len(ROW):,}")
    assert len(broken) == 1
    assert sent == sorted(set(sent))  # no piece twice
    with stack.client() as rest:
        version = rest.get("/datasets/large-rows/versions/1").json()
        assert version["size"] == large_file.stat().st_size
