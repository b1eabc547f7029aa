"""Sets, replaces and removes the token with which a workspace writes to the Hugging Face hub."""

from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.accounts.hub_token import purpose_of
from finetune_app.accounts.models import HubToken, Role
from finetune_app.accounts.sealing import seal
from finetune_app.errors import UserError

SHORTEST, LONGEST = 8, 400
SHOWN_CHARACTERS = 4


def set_hub_token(access: Access, *, token: str) -> HubToken:
    """Keep it, sealed, in place of the one before. Nobody is shown its text again.

    Raises:
        UserError: not an admin, or `invalid_hub_token`.
    """
    access.require(Role.ADMIN)
    token = token.strip()
    if not (SHORTEST <= len(token) <= LONGEST and token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            "invalid_hub_token",
            "This is no token of the hub. Copy one that may write from the hub's page “Access Tokens”; it begins with "
            "hf_.",
            field="token",
        )
    found, _ = HubToken.objects.update_or_create(
        workspace=access.workspace,
        defaults={
            "sealed": seal(token, purpose=purpose_of(access.workspace.pk)),
            "end": token[-SHOWN_CHARACTERS:],
            "set_by": access.user,
            "set_at": timezone.now(),
        },
    )
    return found


def remove_hub_token(access: Access) -> bool:
    """Forget it; whether there was one. What is being sent already is not stopped.

    Raises:
        UserError: not an admin.
    """
    access.require(Role.ADMIN)
    deleted, _ = HubToken.objects.filter(workspace=access.workspace).delete()
    return bool(deleted)
