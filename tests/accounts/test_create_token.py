"""Making an API token: shown once, kept as a digest, good for the REST API at once."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from finetune_app.accounts.models import ApiToken

PAGE = "/w/team/settings/tokens"


def calls_rest(token: str) -> int:
    return Client(headers={"authorization": f"Bearer {token}"}).get("/api/v1/datasets").status_code


def make(client: Client, name: str = "nightly") -> str:
    page = client.post(PAGE, {"name": name})
    assert page.status_code == 201
    found = re.search(r'<code id="token">(graft_[A-Za-z0-9_-]{43})</code>', page.content.decode())
    assert found
    return found[1]


def test_the_token_is_shown_once_and_works(client_for, cast):
    client = client_for(cast.editor)
    token = make(client)
    assert calls_rest(token) == 200
    page = client.get(PAGE).content.decode()
    assert token not in page
    assert token[:12] in page
    assert "nightly" in page


def test_the_page_shows_a_call_that_can_be_copied(client_for, cast):
    page = client_for(cast.editor).post(PAGE, {"name": "nightly"}).content.decode()
    assert "curl -H &quot;Authorization: Bearer graft_" in page
    assert "http://testserver/api/v1/" in page


def test_the_page_with_the_token_is_not_kept_by_the_browser(client_for, cast):
    assert "no-store" in client_for(cast.editor).post(PAGE, {"name": "nightly"})["Cache-Control"]


def test_only_its_digest_is_kept(client_for, cast):
    token = make(client_for(cast.editor))
    kept = ApiToken.objects.get()
    assert token not in str(vars(kept))
    assert len(kept.digest) == 64


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_is_asked_for(client_for, cast, name):
    response = client_for(cast.editor).post(PAGE, {"name": name})
    assert response.status_code == 422
    assert b"is-invalid" in response.content
    assert not ApiToken.objects.exists()


def test_a_token_has_the_role_of_its_person(cast):
    assert cast.api(cast.viewer).post("/api/v1/jobs", {}, content_type="application/json").status_code in {403, 422}


def test_the_command_prints_only_the_token(capsys, cast):
    call_command("create_token", user="editor", workspace="team", name="script")
    token = capsys.readouterr().out
    assert re.fullmatch(r"graft_[A-Za-z0-9_-]{43}\n", token)
    assert calls_rest(token.strip()) == 200


@pytest.mark.parametrize(("user", "workspace"), [("nobody", "team"), ("editor", "nowhere"), ("outsider", "team")])
def test_the_command_refuses_what_does_not_exist(cast, user, workspace):
    with pytest.raises(CommandError):
        call_command("create_token", user=user, workspace=workspace)
