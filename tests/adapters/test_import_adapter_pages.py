"""The pages and the REST calls that import an adapter, up to the worker."""

import pytest

from adapters.models import AdapterImport
from finetune_app.errors import UserError
from finetune_app.uploads.models import Upload
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from tests.adapters.adapter_imports import send
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import peft_adapter
from tests.tiny_base import register_tiny_base

PAGES = "/w/team/adapters/"
REST = "/api/v1/adapters/imports"
HUB = {"kind": "hub", "repo_id": "lab/support"}


@pytest.fixture
def editor(cast):
    return cast.client(cast.editor)


def refuse(error: UserError) -> AdapterImport:
    """As a worker does with the import that is queued."""
    found = run_task.claim_next_task("light@test")
    assert isinstance(found, AdapterImport)
    run_task.fail(found, error.code, error.message, {"field": error.field, "details": []})
    return found


@pytest.mark.parametrize("page", ["import", "import/hub", "import/shared"])
def test_without_a_base_the_page_leads_to_one(cast, editor, page, settings, tmp_path):
    settings.IMPORT_SOURCES = {"shelf": tmp_path.as_uri()}
    assert "Register the base model first" in editor.get(f"{PAGES}{page}").content.decode()


def test_nothing_is_chosen_for_the_person_unless_there_is_one_base(cast, editor, tiny_base):
    assert '<option value="">' not in editor.get(f"{PAGES}import").content.decode()
    register_tiny_base(cast.team, seed=1)
    page = editor.get(f"{PAGES}import").content.decode()
    for option in ('<option value="" selected>', '<option value="tiny@2">', '<option value="tiny@1">'):
        assert option in page.replace('value="" selected=""', 'value="" selected'), page
    answer = editor.post(f"{PAGES}import/hub", {"repo_id": "lab/support", "base": ""})
    assert answer.status_code == 422
    assert "Choose the base that the adapter was trained on." in answer.content.decode()
    assert not AdapterImport.objects.exists()


def test_an_import_from_the_hub_is_queued_under_the_repositorys_name(editor, tiny_base):
    answer = editor.post(f"{PAGES}import/hub", {"repo_id": "lab/Support_Bot", "base": "tiny@1", "notes": "By the lab."})
    found = AdapterImport.objects.get()
    assert answer.headers["Location"] == f"{PAGES}imports/{found.pk}"
    assert (found.name, found.notes, found.source["revision"]) == ("support_bot", "By the lab.", "main")
    page = editor.get(answer.headers["Location"]).content.decode()
    assert "Waiting for a worker" in page
    assert "lab/Support_Bot" in page
    assert f"{PAGES}imports/{found.pk}" in editor.get(PAGES).content.decode()


def test_a_refusal_stands_beside_its_field_and_the_import_is_tried_again(cast, editor, tiny_base):
    register_tiny_base(cast.team, name="wide", seed=1)
    editor.post(f"{PAGES}import/hub", {"repo_id": "lab/support", "base": "tiny@1"})
    found = refuse(UserError("adapter_not_of_base", "It is of another one.", field="base"))
    page = editor.get(f"{PAGES}imports/{found.pk}").content.decode()
    field = page[page.index('id="id_base"') :]
    assert "It is of another one." in field
    assert page.count("It is of another one.") == 1
    assert 'value="lab/support"' in page
    again = {"repo_id": "lab/support", "subfolder": "last/", "base": "wide@1"}
    assert editor.post(f"{PAGES}imports/{found.pk}/again", again).status_code == 302
    found.refresh_from_db()
    assert (found.state, str(found.base_revision), found.source["subfolder"]) == (TaskState.QUEUED, "wide@1", "last")
    wrong = refuse(UserError("hub_unreachable", "The hub is away."))
    assert "The hub is away." in editor.get(f"{PAGES}imports/{wrong.pk}").content.decode()
    assert editor.post(f"{PAGES}imports/{wrong.pk}/again", again | {"base": "tiny@9"}).status_code == 422
    editor.post(f"{PAGES}imports/{wrong.pk}/give-up")
    assert not AdapterImport.objects.exists()


def test_what_the_script_sent_is_queued_or_refused_with_the_field(cast, editor, tiny_base):
    upload = send(cast.access(cast.editor), b"zip", "support.zip")
    order = {"name": "Support!", "base": "tiny@1", "uploads": str(upload.pk)}
    refused = editor.post(f"{PAGES}imports/uploaded", order)
    assert (refused.status_code, refused.headers["X-Field"]) == (422, "name")
    assert editor.post(f"{PAGES}imports/uploaded", order | {"uploads": "of mine"}).headers["X-Field"] == "uploads"
    begun = editor.post(f"{PAGES}imports/uploaded", order | {"name": "support"})
    assert (begun.status_code, begun.headers["Location"]) == (201, f"{PAGES}imports/{AdapterImport.objects.get().pk}")
    assert not Upload.objects.exists()


def test_the_page_leads_to_the_version(cast, editor, tiny_base):
    editor.post(f"{PAGES}import/hub", {"repo_id": "lab/support", "base": "tiny@1"})
    version = make_version(tiny_base, peft_adapter(), name="support")
    AdapterImport.objects.update(state=TaskState.SUCCEEDED, version=version)
    page = f"{PAGES}imports/{AdapterImport.objects.get().pk}"
    assert editor.get(page).headers["Location"] == "/w/team/adapters/support/v/1/"
    assert editor.get(page, headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/w/team/adapters/support/v/1/"


def test_what_others_share_can_be_looked_into(editor, tiny_base, tmp_path, settings):
    (tmp_path / "support").mkdir()
    (tmp_path / "support" / "adapter_config.json").write_text("{}")
    (tmp_path / "old.zip").write_bytes(b"zip")
    settings.IMPORT_SOURCES = {"shelf": tmp_path.as_uri()}
    top = editor.get(f"{PAGES}import/shared").content.decode()
    assert "old.zip" in top
    below = editor.get(f"{PAGES}import/shared?source=shelf&path=support").content.decode()
    assert "adapter_config.json" in below
    assert 'value="support"' in below
    answer = editor.post(
        f"{PAGES}import/shared", {"source_name": "shelf", "path": "support", "name": "support", "base": "tiny@1"}
    )
    assert answer.status_code == 302
    assert AdapterImport.objects.get().source["path"] == "support"


def test_rest_queues_shows_tries_again_and_gives_up(cast, api, tiny_base):
    client = api(cast.editor)
    order = {"name": "support", "base": "tiny@1", "source": HUB}
    begun = client.post(REST, order, content_type="application/json")
    assert begun.status_code == 202
    told = begun.json()
    assert (told["state"], told["base"], told["source"]["repo_id"]) == ("queued", "tiny@1", "lab/support")
    refuse(UserError("adapter_tensor_missing", "One is missing.", field="base"))
    assert client.get(told["url"]).json()["error"] == {
        "code": "adapter_tensor_missing",
        "message": "One is missing.",
        "field": "base",
        "details": [],
    }
    again = client.post(f"{REST}/{told['id']}/again", {}, content_type="application/json")
    assert (again.status_code, again.json()["state"]) == (202, "queued")
    assert client.get(REST).json()["count"] == 1
    assert client.delete(f"{REST}/{told['id']}").status_code == 204
    assert client.get(told["url"]).status_code == 404
    both = order | {"uploads": ["5f8d4f0a-9a53-4b39-8a37-6f8b6b1f5d11"]}
    assert client.post(REST, both, content_type="application/json").json()["code"] == "two_sources"
    assert client.post(REST, order | {"base": "nothing"}, content_type="application/json").json()["field"] == "base"


def test_viewers_and_outsiders_import_nothing(cast, api, client_for, editor, tiny_base):
    editor.post(f"{PAGES}import/hub", {"repo_id": "lab/support", "base": "tiny@1"})
    found = refuse(UserError("hub_unreachable", "The hub is away."))
    order = {"name": "support", "base": "tiny@1", "source": HUB}
    for person, status in ((cast.viewer, 403), (cast.outsider, 404)):
        browser = client_for(person)
        assert browser.get(f"{PAGES}import").status_code == status
        assert (
            browser.post(f"{PAGES}imports/{found.pk}/again", {"base": "tiny@1", "repo_id": "a/b"}).status_code == status
        )
        assert browser.post(f"{PAGES}imports/{found.pk}/give-up").status_code == status
    assert api(cast.viewer).post(REST, order, content_type="application/json").status_code == 403
    assert api(cast.outsider).get(f"{REST}/{found.pk}").status_code == 404
    page = client_for(cast.viewer).get(f"{PAGES}imports/{found.pk}").content.decode()
    assert "The hub is away." in page
    assert "Try again" not in page
