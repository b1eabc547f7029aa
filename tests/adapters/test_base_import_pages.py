"""The pages and REST calls that register a base model: what a person fills in, sees, and may do."""

import json
import shutil

import pytest

from adapters.base_source import HubModel
from adapters.models import BaseImport
from adapters.services.import_base import import_base_from
from finetune_app.environment import named_places
from finetune_app.work.states import TaskState
from tests.adapters.test_import_base import send
from tests.tiny import tiny_base
from tests.tiny_base import register_tiny_base

NEW, SHARED, UPLOAD, LIST = (
    "/w/team/bases/new",
    "/w/team/bases/new/shared",
    "/w/team/bases/new/upload",
    "/w/team/bases/",
)
REST = "/api/v1/base-models/imports"


@pytest.fixture
def archive(tmp_path, settings):
    shutil.copytree(tiny_base(), tmp_path / "shared" / "tiny-model")
    settings.IMPORT_SOURCES = named_places(f"models={(tmp_path / 'shared').as_uri()}")


def test_a_model_of_the_hub_is_asked_for(cast, client_for):
    browser = client_for(cast.editor)
    assert "SmolLM2" in browser.get(NEW).content.decode()
    answer = browser.post(NEW, {"repo_id": "team/Tiny-Model", "revision": "", "name": ""})
    found = BaseImport.objects.get()
    assert answer.headers["Location"] == f"/w/team/bases/imports/{found.pk}/"
    assert (found.name, found.created_by) == ("tiny-model", cast.editor)
    assert found.source == {"kind": "hub", "repo_id": "team/Tiny-Model", "revision": "main", "files": []}
    assert "Waiting for a worker" in browser.get(answer.headers["Location"]).content.decode()
    html = client_for(cast.viewer).get(LIST).content.decode()
    assert f'href="/w/team/bases/imports/{found.pk}/"' in html
    assert "Register a base" not in html.split("No base model yet")[0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"repo_id": "tiny", "name": "tiny"}, "Name it as the hub does"),
        ({"repo_id": "team/tiny", "name": "Not a name"}, "cannot be a name"),
        ({"repo_id": "", "name": "tiny"}, "Enter owner and name"),
    ],
)
def test_what_is_wrong_is_told_beside_the_field(cast, client_for, body, sentence):
    answer = client_for(cast.editor).post(NEW, body)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not BaseImport.objects.exists()


@pytest.mark.usefixtures("archive")
def test_a_shared_folder_is_looked_into_and_asked_for(cast, client_for):
    browser = client_for(cast.editor)
    assert "tiny-model" in browser.get(SHARED).content.decode()
    html = browser.get(f"{SHARED}?source=models&path=tiny-model").content.decode()
    assert "model.safetensors" in html
    assert 'value="tiny-model"' in html
    browser.post(SHARED, {"source_name": "models", "path": "tiny-model", "name": "tiny"})
    assert BaseImport.objects.get().source["path"] == "tiny-model"


def test_without_a_shared_folder_the_page_says_how_one_is_set(cast, client_for):
    assert "GRAFT_IMPORT_SOURCES" in client_for(cast.editor).get(SHARED).content.decode()


def test_uploads_become_an_import(cast, client_for):
    access, browser = cast.access(cast.editor), client_for(cast.editor)
    assert "base-upload.js" in browser.get(UPLOAD).content.decode()
    ids = " ".join(str(send(access, path.name, path.read_bytes())) for path in tiny_base().iterdir())
    refused = browser.post("/w/team/bases/imports/new", {"name": "Not a name", "uploads": ids})
    assert (refused.status_code, refused.headers["X-Field"]) == (422, "name")
    answer = browser.post("/w/team/bases/imports/new", {"name": "tiny", "uploads": ids})
    assert answer.status_code == 201
    assert BaseImport.objects.get().has_files


def test_a_refused_import_is_shown_tried_again_and_given_up(cast, client_for):
    found = import_base_from(cast.access(cast.editor), name="tiny", source=HubModel(repo_id="team/pickled"))
    BaseImport.objects.update(state=TaskState.FAILED, error="It has pickles.", error_code="base_not_safetensors")
    page = f"/w/team/bases/imports/{found.pk}/"
    browser = client_for(cast.editor)
    html = browser.get(page).content.decode()
    assert "It has pickles." in html
    assert 'value="team/pickled"' in html
    assert browser.post(f"{page}again", {"repo_id": "tiny"}).status_code == 422
    browser.post(f"{page}again", {"repo_id": "team/tiny"})
    found.refresh_from_db()
    assert (found.state, found.source["repo_id"]) == (TaskState.QUEUED, "team/tiny")
    browser.post(f"{page}give-up")
    assert not BaseImport.objects.exists()


def test_an_import_that_succeeded_leads_to_its_revision(cast, client_for):
    revision = register_tiny_base(cast.team)
    found = import_base_from(cast.access(cast.editor), name="tiny", source=HubModel(repo_id="team/tiny"))
    BaseImport.objects.update(state=TaskState.SUCCEEDED, revision=revision, result={"is_new": False})
    answer = client_for(cast.viewer).get(f"/w/team/bases/imports/{found.pk}/", follow=True)
    assert answer.redirect_chain[-1][0] == "/w/team/bases/tiny/r/1/"
    assert "exactly this content already" in answer.content.decode()


def test_only_editors_import_and_only_their_own_workspace_is_seen(cast, client_for, api):
    found = import_base_from(cast.access(cast.editor), name="tiny", source=HubModel(repo_id="team/tiny"))
    body = {"name": "tiny", "source": {"kind": "hub", "repo_id": "team/tiny"}}
    assert client_for(cast.viewer).get(NEW).status_code == 403
    assert client_for(cast.viewer).post(f"/w/team/bases/imports/{found.pk}/give-up").status_code == 403
    assert client_for(cast.outsider).get(f"/w/team/bases/imports/{found.pk}/").status_code == 404
    assert api(cast.viewer).post(REST, body, content_type="application/json").status_code == 403
    assert api(cast.outsider).get(f"{REST}/{found.pk}").status_code == 404


def test_imports_over_rest(cast, api):
    client = api(cast.editor)
    body = {"name": "tiny", "source": {"kind": "hub", "repo_id": "team/tiny", "revision": "v1"}}
    answer = client.post(REST, body, content_type="application/json")
    begun = answer.json()
    assert (answer.status_code, begun["state"], begun["source"]["revision"]) == (202, "queued", "v1")
    assert client.get(begun["url"]).json() == begun
    assert client.get(REST).json()["items"] == [begun]
    BaseImport.objects.update(
        state=TaskState.FAILED, error="No.", error_code="hub_not_found", result={"field": "repo_id"}
    )
    failed = client.get(begun["url"]).json()
    assert failed["error"]["code"] == "hub_not_found"
    again = {"source": {"kind": "hub", "repo_id": "team/other"}}
    answer = client.post(f"{REST}/{begun['id']}/again", again, content_type="application/json")
    assert answer.json()["source"]["repo_id"] == "team/other"
    assert client.delete(f"{REST}/{begun['id']}").status_code == 204
    assert client.get(begun["url"]).status_code == 404
    for wrong, code in (
        ({"name": "tiny"}, "no_files"),
        ({"name": "imports", "source": {"kind": "hub", "repo_id": "team/tiny"}}, "invalid_name"),
        ({"name": "tiny", "source": {"kind": "hub", "repo_id": "tiny"}}, "invalid_repo_id"),
    ):
        answer = client.post(REST, json.dumps(wrong), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, code)
