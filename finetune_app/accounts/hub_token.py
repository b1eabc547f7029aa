"""The token with which a workspace writes to the Hugging Face hub: whether there is one, and, for workers, its text."""

from finetune_app.accounts.models import HubToken, Workspace
from finetune_app.accounts.sealing import CannotUnseal, is_of_old_key, seal, unseal
from finetune_app.errors import UserError

WHERE = "An admin sets it under Settings, Hub token."


def hub_token_of(workspace: Workspace) -> HubToken | None:
    """What is known of it; its text is not among that."""
    return HubToken.objects.select_related("set_by").filter(workspace=workspace).first()


def require_hub_token(workspace: Workspace) -> None:
    """Refuse what cannot be done without one.

    Raises:
        UserError: `hub_token_missing`, `hub_token_unreadable`.
    """
    open_hub_token(workspace)


def is_readable(token: HubToken) -> bool:
    """Whether the key with which it was sealed is still there."""
    try:
        unseal(token.sealed, purpose=purpose_of(token.workspace_id))
    except CannotUnseal:
        return False
    return True


def open_hub_token(workspace: Workspace) -> str:
    """Its text, for the program that talks to the hub and nobody else. One of an old key is sealed anew.

    Raises:
        UserError: `hub_token_missing`, `hub_token_unreadable`.
    """
    token = hub_token_of(workspace)
    if token is None:
        raise UserError("hub_token_missing", f"The workspace has no token for the hub. {WHERE}", status=409)
    purpose = purpose_of(workspace.pk)
    try:
        text = unseal(token.sealed, purpose=purpose)
    except CannotUnseal:
        raise UserError(
            "hub_token_unreadable",
            f"The workspace's token for the hub was kept with another GRAFT_SECRET_KEY. Set it again. {WHERE}",
            status=409,
        ) from None
    if is_of_old_key(token.sealed, purpose=purpose):
        # Only as it was read: somebody may have replaced it meanwhile.
        HubToken.objects.filter(pk=token.pk, sealed=token.sealed).update(sealed=seal(text, purpose=purpose))
    return text


def purpose_of(workspace_id: int) -> str:
    """What it is sealed for."""
    return f"hub token of workspace {workspace_id}"
