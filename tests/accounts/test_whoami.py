"""A token's holder can ask who they are and what they may do."""

import pytest
from django.test import Client

WHOAMI = "/api/v1/whoami"


@pytest.mark.parametrize(
    ("name", "workspace", "role"),
    [
        ("owner", "team", "admin"),
        ("editor", "team", "editor"),
        ("viewer", "team", "viewer"),
        ("outsider", "elsewhere", "admin"),
    ],
)
def test_everybody_is_told_who_they_are(cast, api, name, workspace, role):
    answer = api(getattr(cast, name)).get(WHOAMI)
    assert answer.status_code == 200
    assert answer.json() == {
        "user": name,
        "workspace": workspace,
        "workspace_name": workspace.capitalize(),
        "role": role,
    }


def test_nobody_is_told_who_has_no_token(db):
    assert Client().get(WHOAMI).json()["code"] == "not_authenticated"
