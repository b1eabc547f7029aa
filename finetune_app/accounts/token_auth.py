"""Who calls the REST API: a bearer token stands for one member of one workspace."""

import hashlib
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import ApiToken, Membership, Role
from finetune_app.errors import UserError

USE_NOTED_EVERY = timedelta(minutes=1)


class ApiRequest(HttpRequest):
    """A request that `TokenAuth` let in."""

    auth: Access


def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256, as hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def not_authenticated() -> UserError:
    """The refusal of a call without a token, or with one that does not exist or was revoked."""
    return UserError("not_authenticated", "Send a valid API token as “Authorization: Bearer …”.", status=401)


class TokenAuth(HttpBearer):
    """`Authorization: Bearer graft_…`; the operation finds the caller's `Access` in `request.auth`."""

    def authenticate(self, request: HttpRequest, token: str) -> Access | None:  # noqa: ARG002
        """The token's access as it is now, or None for a token that is unknown, revoked or of a former member."""
        found = (
            ApiToken.objects.select_related("user", "workspace")
            .filter(digest=token_digest(token), revoked_at=None, user__is_active=True)
            .first()
        )
        if found is None:
            return None
        member = Membership.objects.filter(workspace=found.workspace, user=found.user).first()
        if member is None:
            return None
        _note_use(found)
        return Access(found.user, found.workspace, Role(member.role))


def _note_use(token: ApiToken) -> None:
    """Write `last_used_at` at most once a minute, so that a busy client does not make every read a write."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
