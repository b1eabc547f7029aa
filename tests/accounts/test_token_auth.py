"""Who a bearer token stands for."""

from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from finetune_app.accounts.models import ApiToken, Role
from finetune_app.accounts.token_auth import TokenAuth


def ask(text):
    return TokenAuth()(RequestFactory().get("/", headers={"authorization": f"Bearer {text}"}))


def test_a_token_stands_for_its_person_in_its_workspace(cast):
    access = ask(cast.token(cast.editor))
    assert (access.user, access.workspace, access.role) == (cast.editor, cast.team, Role.EDITOR)


def test_a_changed_role_counts_at_once(cast):
    text = cast.token(cast.editor)
    cast.editor.memberships.update(role=Role.VIEWER)
    assert ask(text).role == Role.VIEWER


def test_a_former_member_is_refused(cast):
    text = cast.token(cast.editor)
    cast.editor.memberships.all().delete()
    assert ask(text) is None


def test_a_blocked_user_is_refused(cast):
    text = cast.token(cast.editor)
    cast.editor.is_active = False
    cast.editor.save()
    assert ask(text) is None


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer graft_wrong", "Bearer ü"])
def test_anything_else_is_refused(db, header):
    headers = {"authorization": header} if header is not None else {}
    response = Client(headers=headers).get("/api/v1/datasets")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


def test_a_browser_session_alone_does_not_open_the_api(client_for, cast):
    assert client_for(cast.owner).get("/api/v1/datasets").status_code == 401


def test_the_last_use_is_noted_at_most_once_a_minute(cast, django_assert_num_queries):
    text = cast.token(cast.editor)
    ask(text)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(2):
        ask(text)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    ask(text)
    assert ApiToken.objects.get().last_used_at >= first
