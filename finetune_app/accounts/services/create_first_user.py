"""Somebody to sign in as, and a workspace to work in, on a fresh installation."""

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Membership, Role, User, Workspace

FIRST_USER = "admin"
FIRST_WORKSPACE = "team"


@transaction.atomic
def create_first_user() -> Access:
    """User `admin`, without a password, as admin of the workspace `team`; what exists already stays as it is."""
    user, made = User.objects.get_or_create(username=FIRST_USER)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    workspace, _ = Workspace.objects.get_or_create(slug=FIRST_WORKSPACE, defaults={"name": "Team"})
    member, _ = Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role.ADMIN})
    return Access(user, workspace, Role(member.role))
