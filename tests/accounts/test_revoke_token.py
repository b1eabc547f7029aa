"""Revoking an API token: refused from then on, and only by its owner or an admin."""

import pytest
from django.test import Client

from finetune_app.accounts.models import ApiToken


@pytest.fixture
def text(cast):
    return cast.token(cast.editor)


@pytest.fixture
def address(text):
    return f"/w/team/settings/tokens/{ApiToken.objects.get().pk}/revoke"


def calls_rest(text):
    return Client(headers={"authorization": f"Bearer {text}"}).get("/api/v1/datasets")


def test_it_asks_first(client_for, cast, text, address):
    page = client_for(cast.editor).get(address)
    assert b"cannot be undone" in page.content
    assert calls_rest(text).status_code == 200


def test_a_revoked_token_is_refused(client_for, cast, text, address):
    client = client_for(cast.editor)
    page = client.post(address, follow=True)
    assert b"no longer works" in page.content
    assert text[:12].encode() not in page.content
    refused = calls_rest(text)
    assert refused.status_code == 401
    assert refused.json()["code"] == "not_authenticated"
    assert refused["WWW-Authenticate"] == "Bearer"


def test_revoking_twice_is_not_found(client_for, cast, address):
    client = client_for(cast.editor)
    client.post(address)
    assert client.post(address).status_code == 404


def test_an_admin_sees_and_revokes_those_of_others(client_for, cast, text, address):
    client = client_for(cast.owner)
    assert text[:12].encode() in client.get("/w/team/settings/tokens").content
    assert client.post(address).status_code == 302
    assert calls_rest(text).status_code == 401


def test_others_neither_see_nor_revoke_it(client_for, cast, text, address):
    client = client_for(cast.viewer)
    assert text[:12].encode() not in client.get("/w/team/settings/tokens").content
    assert client.post(address).status_code == 404
    assert calls_rest(text).status_code == 200
