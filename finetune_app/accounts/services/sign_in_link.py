"""Addresses that sign one person in, once: for the first start, when nobody has a password, and for forgotten ones."""

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils import timezone
from django.utils.http import base36_to_int, int_to_base36

from finetune_app.accounts.models import User
from finetune_app.errors import UserError


class _LinkTokens(PasswordResetTokenGenerator):
    """Signed with the secret key; valid for `PASSWORD_RESET_TIMEOUT` (three days) and until the next sign-in."""

    key_salt = "finetune_app.accounts.sign_in_link"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        # Django's own cuts last_login to seconds, so two links of one second would each work twice.
        return f"{user.pk} {user.password} {user.last_login} {timestamp}"


_TOKENS = _LinkTokens()


def make_sign_in_link(user: User) -> str:
    """The full address; any sign-in of this user makes it worthless."""
    token = f"{int_to_base36(user.pk)}-{_TOKENS.make_token(user)}"
    return settings.BASE_URL.rstrip("/") + reverse("accounts:sign_in_link", kwargs={"token": token})


def owner_of_link(token: str) -> int | None:
    """The primary key of the user whom the link names, whether it is still valid or not; None for nonsense."""
    try:
        return base36_to_int(token.partition("-")[0])
    except ValueError:
        return None


def use_sign_in_link(token: str) -> User:
    """The user to sign in. The link is used up: of two browsers at the same moment, one gets in.

    Raises:
        UserError: `sign_in_link_invalid`, status 403: used, expired or mistyped.
    """
    owner = owner_of_link(token)
    user = None if owner is None else User.objects.filter(pk=owner, is_active=True).first()
    if user is None or not _TOKENS.check_token(user, token.partition("-")[2]):
        raise _invalid()
    now = timezone.now()
    unchanged = {"last_login": user.last_login} if user.last_login else {"last_login__isnull": True}
    if not User.objects.filter(pk=user.pk, **unchanged).update(last_login=now):
        raise _invalid()
    user.last_login = now
    return user


def _invalid() -> UserError:
    return UserError(
        "sign_in_link_invalid",
        "This sign-in link was used already, or it is more than three days old.",
        status=403,
    )
