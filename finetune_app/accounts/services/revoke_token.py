"""Make an API token worthless, at once and for good."""

from django.utils import timezone

from finetune_app.accounts.access import Access, get_token
from finetune_app.accounts.models import ApiToken


def revoke_token(access: Access, pk: int) -> ApiToken:
    """Revoke one's own token, or as an admin anybody's in the workspace. The row stays, as a record.

    Raises:
        NotFound: no such token, or not theirs, or revoked already.
    """
    token = get_token(access, pk)
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    return token
