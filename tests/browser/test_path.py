"""The path a person walks in the browser: upload, set up, watch, download."""

import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot
from tests.journey.fixtures import queue, rows, wait_for


def upload(page, name, content, file_name="rows.jsonl"):
    page.goto("/w/team/datasets/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("File").set_input_files({"name": file_name, "mimeType": "application/json", "buffer": content})
    page.get_by_role("button", name="Upload and check").click()


def test_an_upload_shows_what_it_was_recognised_as(page):
    upload(page, "browser-rows", rows(20))
    expect(page).to_have_url(re.compile(r"/w/team/datasets/browser-rows/v/1/$"))
    expect(page.locator("main")).to_contain_text("20")
    expect(page.locator("main")).to_contain_text(re.compile("chat", re.IGNORECASE))
    shot(page, "dataset-version")


def test_bad_rows_are_listed_by_number_and_nothing_is_saved(page):
    bad = rows(2) + b'{"messages": [{"role": "user", "content": "no answer"}]}\n' + b"{broken\n"
    upload(page, "bad-rows", bad)
    expect(page).to_have_url(re.compile(r"/datasets/new$"))
    table = page.locator("#upload table")
    expect(table).to_contain_text("3")
    expect(table).to_contain_text("4")
    expect(page.get_by_label("Name")).to_have_value("bad-rows")
    shot(page, "dataset-bad-rows")
    assert page.request.get("/w/team/datasets/bad-rows/").status == 404


def test_a_zip_is_refused_beside_the_field(page):
    upload(page, "zipped", b"PK\x03\x04" + bytes(100), "rows.zip")
    expect(page.locator("#upload .invalid-feedback").first).to_contain_text("zip")


def test_alpha_keeps_its_ratio_until_it_is_set_by_hand(page):
    page.goto("/w/team/jobs/new")
    r, alpha = page.get_by_label("Rank (r)"), page.get_by_label("Alpha (lora_alpha)")
    expect(alpha).to_have_value("64")
    r.fill("8")
    expect(alpha).to_have_value("16")
    alpha.fill("100")
    r.fill("16")
    expect(alpha).to_have_value("100")


def test_a_preset_fills_the_form(page):
    page.goto("/w/team/jobs/new")
    page.get_by_text("Deep change").click()
    expect(page.get_by_label("Rank (r)")).to_have_value("64")
    expect(page.get_by_label("Alpha (lora_alpha)")).to_have_value("128")
    shot(page, "job-new")


def test_a_wrong_value_is_told_beside_its_field_and_keeps_the_rest(page, rest):
    page.goto("/w/team/jobs/new?dataset=support@1")
    page.get_by_label("Adapter name").fill("kept-name")
    page.get_by_label("Rank (r)").fill("0")
    page.get_by_label("Learning rate", exact=True).fill("abc")
    before = rest.get("/jobs").json()["count"]
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("main")).to_contain_text("Must be 1 or more.")
    expect(page.locator("main")).to_contain_text("“abc” is not a number.")
    expect(page.get_by_label("Adapter name")).to_have_value("kept-name")
    assert rest.get("/jobs").json()["count"] == before
    shot(page, "job-new-errors")


def test_from_the_form_to_the_downloaded_adapter(page, tmp_path):
    page.goto("/w/team/jobs/new?dataset=support@1")
    page.get_by_label("Base model").select_option("tiny@1")
    page.get_by_label("Adapter name").fill("from-browser")
    page.get_by_label("Rank (r)").fill("4")
    page.get_by_label("Epochs", exact=True).last.fill("1")
    page.get_by_role("button", name="Start the job").click()
    expect(page).to_have_url(re.compile(r"/w/team/jobs/\d+/$"))
    expect(page.locator("#job-state")).to_contain_text("Made from-browser, version 1", timeout=90_000)
    expect(page.locator("#job-state")).to_contain_text("Held-out loss")
    shot(page, "job-succeeded")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    path = tmp_path / "adapter.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert "from-browser-v1/adapter_model.safetensors" in archive.namelist()
    page.get_by_role("link", name="Files and lineage").click()
    expect(page).to_have_title(re.compile("from-browser"))
    shot(page, "adapter-version")


@pytest.fixture
def running(rest):
    """A job that runs until somebody cancels it."""
    number = queue(rest, "live", max_steps=4000)
    wait_for(rest, number, "running")
    yield number
    rest.post(f"/jobs/{number}/cancel")
    wait_for(rest, number)


def log_numbers(page) -> list[int]:
    """The numbers of the lines that the page shows, from top to bottom."""
    return [
        int(text)
        for text in page.locator("[data-log-lines] [data-number]").evaluate_all(
            "rows => rows.map(row => row.dataset.number)"
        )
    ]


def test_the_page_is_live_and_comes_back_whole(page, running):
    page.goto(f"/w/team/jobs/{running}/")
    expect(page.locator("[data-live-count]")).to_contain_text(re.compile(r"\d+ of 4000"), timeout=60_000)
    first = len(log_numbers(page))
    page.wait_for_function("n => document.querySelectorAll('[data-log-lines] [data-number]').length > n", arg=first)
    page.goto("/w/team/")
    page.goto(f"/w/team/jobs/{running}/")
    page.wait_for_function("n => document.querySelectorAll('[data-log-lines] [data-number]').length > n", arg=first)
    numbers = log_numbers(page)
    assert numbers == list(range(1, len(numbers) + 1))
    shot(page, "job-running")


def test_cancel_from_the_page(page, running):
    page.goto(f"/w/team/jobs/{running}/")
    page.get_by_role("button", name="Cancel").click()
    page.locator("#cancel-dialog").get_by_role("button", name=re.compile("Cancel the job|Yes")).click()
    expect(page.locator("#job-state")).to_contain_text("it made no adapter version", timeout=60_000)
    shot(page, "job-cancelled")
