"""What a person changes about themselves."""

import pytest
from django.test import Client

from finetune_app.accounts.models import User
from tests.cast import PASSWORD

PAGE = "/w/team/settings/"
NEW = "pears-on-quince-roots"


def test_a_name_is_saved_and_shown(client_for, cast):
    client = client_for(cast.viewer)
    page = client.post(PAGE, {"name": "  Vi Ewer "}, follow=True)
    assert b"Your name is saved." in page.content
    assert User.objects.get(username="viewer").get_full_name() == "Vi Ewer"
    assert b"Vi Ewer" in client.get(PAGE).content


def test_a_name_that_is_too_long_is_refused(client_for, cast):
    response = client_for(cast.viewer).post(PAGE, {"name": "x" * 151})
    assert response.status_code == 422
    assert b"is-invalid" in response.content


def test_a_first_password_needs_no_old_one(client_for, cast):
    cast.owner.set_unusable_password()
    cast.owner.save()
    client = client_for(cast.owner)
    assert b"Set a password" in client.get(PAGE).content
    client.post(f"{PAGE}password", {"new_password1": NEW, "new_password2": NEW})
    assert client.get(PAGE).status_code == 200, "this browser stays signed in"
    assert Client().login(username="owner", password=NEW)


def test_changing_it_asks_for_the_old_one_and_ends_other_sessions(client_for, cast):
    client, other = client_for(cast.owner), client_for(cast.owner)
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post(f"{PAGE}password", fields | {"old_password": "wrong"}).status_code == 422
    assert client.post(f"{PAGE}password", fields).status_code == 302
    assert client.get(PAGE).status_code == 200
    assert other.get(PAGE).status_code == 302


@pytest.mark.parametrize(
    ("first", "second"), [("short", "short"), (NEW, f"{NEW}x"), ("", ""), ("1234567890", "1234567890")]
)
def test_a_weak_or_mistyped_password_is_refused(client_for, cast, first, second):
    fields = {"old_password": PASSWORD, "new_password1": first, "new_password2": second}
    response = client_for(cast.owner).post(f"{PAGE}password", fields)
    assert response.status_code == 422
    assert b"is-invalid" in response.content
    assert Client().login(username="owner", password=PASSWORD)
