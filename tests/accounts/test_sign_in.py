"""Signing in and out with a password."""

import pytest

from tests.cast import PASSWORD


def test_the_first_page_asks_strangers_to_sign_in(client, db):
    assert client.get("/").headers["Location"] == "/sign-in"


def test_the_sign_in_page_says_what_to_do_without_a_password(client, db):
    page = client.get("/sign-in").content.decode()
    assert "make run" in page
    assert "python manage.py sign_in_link" in page


def test_a_person_comes_back_to_the_page_that_asked(client, cast):
    response = client.get("/w/team/settings/tokens")
    assert response.headers["Location"] == "/sign-in?next=/w/team/settings/tokens"
    credentials = {"username": "editor", "password": PASSWORD, "next": "/w/team/settings/tokens"}
    assert client.post("/sign-in", credentials).headers["Location"] == "/w/team/settings/tokens"


def test_nobody_is_sent_to_another_site(client, cast):
    credentials = {"username": "editor", "password": PASSWORD, "next": "https://example.org/"}
    assert client.post("/sign-in", credentials).headers["Location"] == "/"


def test_a_wrong_password_is_told_on_the_page(client, cast):
    response = client.post("/sign-in", {"username": "editor", "password": "wrong"})
    assert response.status_code == 422
    assert b"correct username and password" in response.content


def test_who_is_signed_in_lands_in_their_workspace(client_for, cast):
    client = client_for(cast.viewer)
    assert client.get("/sign-in").headers["Location"] == "/"
    assert client.get("/").headers["Location"] == "/w/team/"


def test_a_member_of_nothing_is_told_so(client_for, cast):
    cast.viewer.memberships.all().delete()
    response = client_for(cast.viewer).get("/")
    assert response.status_code == 403
    assert b"member of no workspace" in response.content


def test_signing_out_takes_a_click_not_a_link(client_for, cast):
    client = client_for(cast.viewer)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert client.get("/w/team/").status_code == 302


def test_a_part_that_polls_takes_the_whole_page_to_the_sign_in(client, cast):
    headers = {"hx-request": "true", "hx-current-url": "http://testserver/w/team/"}
    response = client.get("/w/team/", headers=headers)
    assert response.status_code == 200
    assert response["HX-Redirect"] == "/sign-in?next=/w/team/"


@pytest.mark.parametrize("name", ["owner", "editor", "viewer"])
def test_every_member_may_come_in(client_for, cast, name):
    assert client_for(getattr(cast, name)).get("/w/team/").status_code == 200
