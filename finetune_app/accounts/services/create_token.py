"""Make an API token: its text is known to the person who made it and to nobody else."""

import secrets

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import ApiToken
from finetune_app.accounts.token_auth import token_digest
from finetune_app.errors import UserError

PREFIX = "graft_"
SECRET_BYTES = 32  # 43 URL-safe characters
SHOWN_CHARACTERS = 12
NAME_LIMIT = 100


def create_token(access: Access, *, name: str) -> tuple[ApiToken, str]:
    """A token with the person's own role in the workspace, and its text, which is not kept.

    Raises:
        UserError: `token_name_missing` or `token_name_too_long`, on the field `name`.
    """
    name = name.strip()
    if not name:
        raise UserError(
            "token_name_missing", "Say what the token is for, to know later which one to revoke.", field="name"
        )
    if len(name) > NAME_LIMIT:
        raise UserError("token_name_too_long", f"A name has at most {NAME_LIMIT} characters.", field="name")
    text = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        workspace=access.workspace,
        user=access.user,
        name=name,
        digest=token_digest(text),
        start=text[:SHOWN_CHARACTERS],
    )
    return token, text
