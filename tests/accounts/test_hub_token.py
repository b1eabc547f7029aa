"""The token with which a workspace writes to the hub: set by admins, shown to nobody, and unreadable in the database."""

import json
import logging

import pytest
from django.db import connection

from finetune_app.accounts.hub_token import open_hub_token, require_hub_token
from finetune_app.accounts.models import HubToken
from finetune_app.accounts.services.set_hub_token import set_hub_token
from finetune_app.errors import UserError
from tests.pages import words

PAGE = "/w/team/settings/hub-token"
REST = "/api/v1/hub-token"
TEXT = "hf_grafting-apples-in-april-WXYZ"


def put(client, token):
    return client.put(REST, {"token": token}, content_type="application/json")


@pytest.fixture
def kept(cast) -> HubToken:
    return set_hub_token(cast.access(cast.owner), token=TEXT)


def test_an_admin_sets_it_and_no_page_shows_it_again(cast):
    browser = cast.client(cast.owner)
    answer = browser.post(PAGE, {"token": f" {TEXT} "}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    page = answer.content.decode()
    assert TEXT not in page
    assert "Ends with …WXYZ Set by owner" in words(page)
    assert open_hub_token(cast.team) == TEXT


def test_setting_it_again_replaces_it(cast, kept):
    set_hub_token(cast.access(cast.owner), token="hf_another-token-1234")
    assert HubToken.objects.count() == 1
    assert open_hub_token(cast.team) == "hf_another-token-1234"


def test_an_admin_forgets_it(cast, kept):
    browser = cast.client(cast.owner)
    assert browser.post(f"{PAGE}/remove").url == PAGE
    assert not HubToken.objects.exists()
    assert browser.post(f"{PAGE}/remove").status_code == 302
    with pytest.raises(UserError) as missing:
        require_hub_token(cast.team)
    assert missing.value.code == "hub_token_missing"


@pytest.mark.parametrize("token", ["", "hf_", "hf_two words", "hf_with\nline", "hf_umläut-umlaut", "x" * 401])
def test_what_is_no_token_is_said_beside_its_field_and_not_sent_back(cast, kept, token):
    answer = cast.client(cast.owner).post(PAGE, {"token": token})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "is-invalid" in page
    assert not token or f'value="{token}' not in page
    refused = put(cast.api(cast.owner), token)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        422,
        "invalid_hub_token",
        "token",
    )
    assert open_hub_token(cast.team) == TEXT


def test_members_see_that_there_is_one_and_only_an_admin_changes_it(cast, kept):
    for person in (cast.editor, cast.viewer):
        browser, client = cast.client(person), cast.api(person)
        page = browser.get(PAGE).content.decode()
        assert "…WXYZ" in words(page)
        assert TEXT not in page
        assert "<form" not in page.partition("card-body")[2]
        assert browser.post(PAGE, {"token": "hf_mine-mine-mine"}).status_code == 403
        assert browser.post(f"{PAGE}/remove").status_code == 403
        assert put(client, "hf_mine-mine-mine").status_code == 403
        assert client.delete(REST).status_code == 403
        assert client.get(REST).json()["end"] == "WXYZ"
    assert open_hub_token(cast.team) == TEXT


def test_an_outsider_sees_only_that_of_their_own_workspace(cast, kept):
    assert cast.client(cast.outsider).get(PAGE).status_code == 404
    assert cast.api(cast.outsider).get(REST).json()["is_set"] is False
    put(cast.api(cast.outsider), "hf_of-another-workspace")
    assert open_hub_token(cast.team) == TEXT
    assert open_hub_token(cast.elsewhere) == "hf_of-another-workspace"


def test_the_same_over_rest(cast):
    client = cast.api(cast.owner)
    assert client.get(REST).json() == {
        "is_set": False,
        "is_readable": False,
        "end": "",
        "set_by": None,
        "set_at": None,
    }
    answer = put(client, TEXT)
    assert TEXT not in answer.content.decode()
    told = client.get(REST).json()
    assert (told["is_set"], told["is_readable"], told["end"], told["set_by"]) == (True, True, "WXYZ", "owner")
    assert client.delete(REST).status_code == 204
    assert client.delete(REST).status_code == 204
    assert client.get(REST).json()["is_set"] is False


def test_neither_the_database_nor_the_log_has_its_text(cast, caplog):
    caplog.set_level(logging.DEBUG)
    put(cast.api(cast.owner), TEXT)
    cast.client(cast.owner).post(PAGE, {"token": TEXT})
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_hubtoken")
        row = json.dumps(cursor.fetchall(), default=str)
    assert "WXYZ" in row
    assert TEXT not in row
    assert TEXT[3:20] not in row
    assert "grafting-apples" not in " ".join(
        record.getMessage() for record in caplog.records if "SQL" not in record.msg
    )


def test_a_sealed_token_opens_only_in_its_own_workspace(cast, kept):
    HubToken.objects.create(workspace=cast.elsewhere, sealed=kept.sealed, end="WXYZ", set_at=kept.set_at)
    with pytest.raises(UserError) as refused:
        open_hub_token(cast.elsewhere)
    assert refused.value.code == "hub_token_unreadable"


def test_a_new_secret_key_opens_it_as_long_as_the_old_one_is_a_fallback(cast, kept, settings):
    old, settings.SECRET_KEY = settings.SECRET_KEY, "a new key of the installation"
    with pytest.raises(UserError) as refused:
        open_hub_token(cast.team)
    assert refused.value.code == "hub_token_unreadable"
    assert "no longer has" in cast.client(cast.owner).get(PAGE).content.decode()
    settings.SECRET_KEY_FALLBACKS = [old]
    assert open_hub_token(cast.team) == TEXT
    settings.SECRET_KEY_FALLBACKS = []
    assert open_hub_token(cast.team) == TEXT  # it was sealed anew when it was used
