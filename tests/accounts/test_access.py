"""What a role allows."""

import pytest

from finetune_app.accounts.models import Role
from finetune_app.errors import UserError


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("viewer", {Role.VIEWER}), ("editor", {Role.VIEWER, Role.EDITOR}), ("owner", set(Role))],
)
def test_each_role_may_do_what_those_before_it_may(access, cast, name, allowed):
    found = access(getattr(cast, name))
    assert {role for role in Role if found.may(role)} == allowed


def test_a_refusal_names_both_roles(access, cast):
    with pytest.raises(UserError, match=r"“editor”.*“viewer”") as caught:
        access(cast.viewer).require(Role.EDITOR)
    assert (caught.value.code, caught.value.status) == ("not_allowed", 403)
