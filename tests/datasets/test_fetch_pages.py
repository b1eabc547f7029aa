"""The pages that import from the hub and from shared folders, with a look into the folders."""

from pathlib import Path

import pytest
from django.test import Client

from finetune_app.datasets.models import DatasetImport
from finetune_app.environment import named_places
from finetune_app.work.run_task import beat, claim_next_task, fail
from tests.datasets.makers import chat, jsonl
from tests.pages import words

NEW = "/w/team/datasets/new"
HUB, SHARED = f"{NEW}/hub", f"{NEW}/shared"


@pytest.fixture
def browser(cast, client_for) -> Client:
    return client_for(cast.editor)


@pytest.fixture
def archive(tmp_path, settings) -> Path:
    folder = tmp_path / "archive"
    (folder / "chats" / "2026 & on").mkdir(parents=True)
    (folder / "chats" / "March Rows.jsonl").write_bytes(jsonl(chat()))
    settings.IMPORT_SOURCES = named_places(f"archive={folder.as_uri()} other={tmp_path.as_uri()}/nowhere")
    return folder


def order() -> dict:
    found = DatasetImport.objects.get()
    return {"name": found.name} | found.source


def test_the_three_ways_lead_to_one_another(browser):
    for page in (NEW, HUB, SHARED):
        html = browser.get(page).content.decode()
        assert all(f'href="{other}"' in html for other in (NEW, HUB, SHARED))


def test_the_next_version_of_a_dataset_keeps_its_name_on_every_way(browser, archive):
    html = browser.get(SHARED, {"source": "archive", "name": "support"}).content.decode()
    assert f'href="{HUB}?name=support"' in html
    assert "path=chats&amp;name=support" in html
    assert 'value="support"' in html
    assert 'value="support"' in browser.get(HUB, {"name": "support"}).content.decode()


def test_a_dataset_of_the_hub_is_asked_for_by_its_name_alone(browser):
    answer = browser.post(HUB, {"repo_id": " HuggingFaceH4/ultrachat_200k "})
    assert answer["Location"] == f"/w/team/datasets/imports/{DatasetImport.objects.get().pk}/"
    assert order() == {
        "name": "ultrachat_200k",
        "kind": "hub",
        "repo_id": "HuggingFaceH4/ultrachat_200k",
        "revision": "main",
        "subset": "",
        "split": "",
        "files": [],
    }
    assert "Hugging Face hub: HuggingFaceH4/ultrachat_200k" in words(browser.get(answer["Location"]).content.decode())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"repo_id": ""}, "Enter owner and name of the dataset."),
        ({"repo_id": "https://example.org/x"}, "Name it as the hub does: owner/name"),
        ({"name": "Not A Name"}, "cannot be a name"),
        ({"column_prompt": "a", "column_completion": "a"}, "One column cannot stand for two keys"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(browser, change, sentence):
    answer = browser.post(HUB, {"repo_id": "org/name"} | change)
    assert answer.status_code == 422
    assert sentence in words(answer.content.decode())
    assert not DatasetImport.objects.exists()


def test_subsets_to_choose_from_are_offered_for_the_next_try(browser):
    page = browser.post(HUB, {"repo_id": "org/name"})["Location"]
    details = {"field": "subset", "details": [{"choices": ["main", "socratic"]}]}
    fail(claim_next_task("light@test"), "subset_needed", "Choose one of its subsets: main, socratic.", details)
    html = browser.get(page).content.decode()
    assert "Choose one of its subsets" in html
    assert '<option value="socratic">' in html
    assert "Try again" in html
    browser.post(f"{page}again", {"repo_id": "org/name", "subset": "socratic"})
    found = DatasetImport.objects.get()
    assert (found.state, found.source["subset"], found.error) == ("queued", "socratic", "")


def test_the_page_says_that_files_are_fetched_and_lets_people_stop_it(browser):
    page = browser.post(HUB, {"repo_id": "org/name"})["Location"]
    beat(claim_next_task("light@test"), done=512, total=2048, phase="downloading")
    text = words(browser.get(page, headers={"HX-Request": "true"}).content.decode())
    assert "Fetching the files 512 B / 2.0 KiB · 25 %" in text
    assert "Stop" in text
    assert browser.post(f"{page}give-up")["Location"] == "/w/team/datasets/"
    assert not DatasetImport.objects.exists()


def test_without_shared_folders_the_page_tells_how_to_share_one(browser):
    text = words(browser.get(SHARED).content.decode())
    assert "No folder is shared yet" in text
    assert "GRAFT_IMPORT_SOURCES=" in text


def test_people_walk_through_a_shared_folder(browser, archive):
    top = browser.get(SHARED).content.decode()
    assert 'href="?source=archive&amp;path=chats"' in top
    inside = browser.get(SHARED, {"source": "archive", "path": "chats"}).content.decode()
    assert 'href="?source=archive&amp;path=chats%2F2026%20%26%20on"' in inside
    assert "1 file that can hold rows" in words(inside)
    file = browser.get(SHARED, {"source": "archive", "path": "chats/March Rows.jsonl"}).content.decode()
    assert 'value="chats/March Rows.jsonl"' in file
    assert 'value="march-rows"' in file
    empty = browser.get(SHARED, {"source": "archive", "path": "chats/2026 & on"}).content.decode()
    assert "Nothing here can hold rows" in empty


def test_what_is_chosen_is_asked_for(browser, archive):
    browser.post(SHARED, {"source_name": "archive", "path": "/chats/March Rows.jsonl", "name": "march"})
    assert order() == {
        "name": "march",
        "kind": "shared",
        "source": "archive",
        "path": "chats/March Rows.jsonl",
        "files": [],
    }


@pytest.mark.parametrize("query", [{"source": "other"}, {"source": "third"}, {"source": "archive", "path": "../x"}])
def test_what_cannot_be_looked_into_is_said(browser, archive, query):
    answer = browser.get(SHARED, query)
    assert answer.status_code == 200
    assert "Nobody can look into it from here" in answer.content.decode()


def test_a_wrong_name_keeps_the_form_and_the_place(browser, archive):
    answer = browser.post(SHARED, {"source_name": "archive", "path": "chats", "name": "Not A Name"})
    assert answer.status_code == 422
    text = words(answer.content.decode())
    assert "cannot be a name" in text
    assert "March Rows.jsonl" in text
    wrong = browser.post(SHARED, {"source_name": "third", "path": "chats", "name": "a"})
    assert (wrong.status_code, DatasetImport.objects.count()) == (422, 0)


def test_viewers_and_outsiders_import_nothing(cast, client_for, archive):
    for page in (HUB, SHARED):
        assert client_for(cast.viewer).get(page).status_code == 403
        assert client_for(cast.viewer).post(page, {"repo_id": "a/b"}).status_code == 403
        assert client_for(cast.outsider).get(page).status_code == 404
