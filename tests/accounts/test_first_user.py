"""The first start: somebody to sign in as."""

from django.core.management import call_command

from finetune_app.accounts.access import workspace_access
from finetune_app.accounts.models import Membership, Role, User, Workspace


def test_the_first_user_is_admin_of_a_workspace(db):
    call_command("ensure_first_user")
    user = User.objects.get(username="admin")
    assert not user.has_usable_password()
    access = workspace_access(user, "team")
    assert access.role == Role.ADMIN
    assert access.workspace.name == "Team"


def test_a_second_start_changes_nothing(db):
    call_command("ensure_first_user")
    user = User.objects.get()
    user.set_password("something-of-my-own")
    user.save()
    Workspace.objects.update(name="Ours")
    Membership.objects.update(role=Role.EDITOR)
    call_command("ensure_first_user")
    assert User.objects.get().password == user.password
    assert Workspace.objects.get().name == "Ours"
    assert Membership.objects.get().role == Role.EDITOR
