"""The page of an import: progress, then the version, or the reason and another way to read the same files."""

from datetime import timedelta

import pytest
from django.utils import timezone

from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.derive_version import derive_version
from finetune_app.datasets.services.import_uploads import import_uploads
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.work.run_task import beat, claim_next_task
from tests.datasets.imports import send, work_off
from tests.datasets.makers import chat, jsonl, upload_file
from tests.pages import words

NEW = "/w/team/datasets/imports/new"


@pytest.fixture
def access(cast):
    return cast.access(cast.editor)


@pytest.fixture
def browser(cast, client_for):
    return client_for(cast.editor)


def page_of(found: DatasetImport) -> str:
    return f"/w/team/datasets/imports/{found.pk}/"


def test_the_script_is_told_where_the_import_is(browser, access):
    ids = " ".join(str(send(access, jsonl(chat())).pk) for _ in range(2))
    answer = browser.post(NEW, {"name": "support", "uploads": ids, "form": "chat", "leave_out_bad_rows": "on"})
    found = DatasetImport.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, page_of(found))
    assert found.options == {"form": "chat", "columns": {}, "leave_out_bad_rows": True}
    assert len(found.source["files"]) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Not A Name"}, "name"),
        ({"uploads": "x"}, "uploads"),
        ({"uploads": ""}, "uploads"),
        ({"form": "poem"}, "form"),
        ({"column_prompt": "a", "column_completion": "a"}, "columns"),
    ],
)
def test_the_script_is_told_which_field_is_wrong(browser, access, change, field):
    order = {"name": "support", "uploads": str(send(access, jsonl(chat())).pk)} | change
    answer = browser.post(NEW, order)
    assert (answer.status_code, answer["X-Field"]) == (422, field)
    assert answer.content
    assert not DatasetImport.objects.exists()


def test_a_waiting_import_asks_again_by_itself(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    page = browser.get(page_of(found)).content.decode()
    assert "Waiting for a worker" in words(page)
    assert 'hx-trigger="every 1s"' in page
    beat(claim_next_task("light@test"), done=1024, total=4096)
    part = browser.get(page_of(found), headers={"HX-Request": "true"}).content.decode()
    assert "1.0 KiB / 4.0 KiB · 25 %" in words(part)
    assert "<html" not in part


def test_a_finished_import_leads_to_its_version(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    work_off()
    version = "/w/team/datasets/support/v/1/"
    assert browser.get(page_of(found), headers={"HX-Request": "true"})["HX-Redirect"] == version
    assert "support@1 was saved." in browser.get(version).content.decode()
    assert browser.get(page_of(found))["Location"] == version


def test_an_import_whose_version_was_deleted_says_so_on_the_list(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat())).pk])
    work_off()
    browser.post("/w/team/datasets/support/v/1/delete")
    assert browser.get(page_of(found), headers={"HX-Request": "true"})["HX-Redirect"] == "/w/team/datasets/"
    page = browser.get(page_of(found), follow=True)
    assert page.redirect_chain == [("/w/team/datasets/", 302)]
    assert "The version that it became was deleted since." in page.content.decode()


def test_a_refused_import_shows_the_rows_and_reads_the_files_again(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat(), {"messages": []})).pk])
    work_off()
    text = words(browser.get(page_of(found)).content.decode())
    assert "Nothing was saved" in text
    assert "there is no answer to learn" in text
    answer = browser.post(f"{page_of(found)}again", {"leave_out_bad_rows": "on"})
    assert answer["Location"] == page_of(found)
    work_off()
    assert DatasetVersion.objects.get().rows == 1


def test_columns_that_nobody_knows_are_shown_to_be_named(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, b"a,b\n1,2\n", "table.csv").pk])
    work_off()
    html = browser.get(page_of(found)).content.decode()
    assert '<option value="a">' in html
    wrong = browser.post(f"{page_of(found)}again", {"column_prompt": "a", "column_completion": "a"})
    assert (wrong.status_code, "One column cannot stand for two keys" in wrong.content.decode()) == (422, True)
    browser.post(f"{page_of(found)}again", {"column_prompt": "a", "column_completion": "b"})
    work_off()
    assert DatasetVersion.objects.get().row_form == "prompt_completion"


def test_files_can_be_given_up(browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, b"{}").pk])
    work_off()
    assert browser.post(f"{page_of(found)}give-up")["Location"] == "/w/team/datasets/"
    assert browser.get(page_of(found)).status_code == 404


def test_an_import_that_somebody_left_is_found_on_the_list(cast, client_for, browser, access):
    import_uploads(access, name="first", uploads=[send(access, b"{}").pk])
    work_off()
    second = import_uploads(access, name="second", uploads=[send(access, jsonl(chat())).pk])
    text = words(browser.get("/w/team/datasets/").content.decode())
    assert "Imports second Queued" in text
    assert "first Failed" in text
    assert "Imports" not in words(client_for(cast.outsider).get("/w/elsewhere/datasets/").content.decode())
    work_off()
    DatasetImport.objects.exclude(pk=second.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert "Imports" not in words(browser.get("/w/team/datasets/").content.decode())


def test_viewers_look_and_outsiders_do_not(cast, client_for, access):
    found = import_uploads(access, name="support", uploads=[send(access, b"{}").pk])
    work_off()
    viewer = client_for(cast.viewer)
    assert "Read them again" not in viewer.get(page_of(found)).content.decode()
    for action in ("again", "give-up"):
        assert viewer.post(f"{page_of(found)}{action}").status_code == 403
    assert viewer.post(NEW, {"name": "x", "uploads": "y"}).status_code == 403
    assert client_for(cast.outsider).get(page_of(found)).status_code == 404


def test_a_browser_never_takes_a_part_of_a_page_for_the_page(cast, browser, access):
    found = import_uploads(access, name="support", uploads=[send(access, jsonl(chat(), chat("Why?", "Because."))).pk])
    pages = [page_of(found)]
    version = upload_dataset(access, name="other", file=upload_file(jsonl(chat(), chat("Why?", "Because."))))[0]
    task = derive_version(access, version, Derivation.model_validate({"sample": {"n": 1}}))
    pages += [f"/w/team/datasets/other/v/1/{page}" for page in ("rows", "findings", f"derive/{task.pk}")]
    pages += ["/w/team/datasets/other/v/1/download?format=parquet", "/w/team/jobs/"]
    for page in pages:
        for headers in ({}, {"HX-Request": "true"}):
            assert "HX-Request" in browser.get(page, headers=headers).headers.get("Vary", ""), page
