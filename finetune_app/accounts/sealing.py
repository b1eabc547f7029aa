"""Seals secrets for the database with a key that is derived from `SECRET_KEY`; old keys open, the newest one seals.

What a secret is for belongs to the key, so a sealed secret that is put into another row does not open there.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32


class CannotUnseal(Exception):
    """It was sealed with a key that is no longer there, or for something else, or was changed."""


def seal(text: str, *, purpose: str) -> str:
    """The secret, unreadable without the key."""
    return _fernets(purpose)[0].encrypt(text.encode()).decode()


def unseal(sealed: str, *, purpose: str) -> str:
    """The secret.

    Raises:
        CannotUnseal: no key that the settings have opens it.
    """
    try:
        return MultiFernet(_fernets(purpose)).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotUnseal from None


def is_of_old_key(sealed: str, *, purpose: str) -> bool:
    """Whether it should be sealed anew, because the newest key does not open it."""
    try:
        _fernets(purpose)[0].decrypt(sealed.encode())
    except InvalidToken:
        return True
    return False


def _fernets(purpose: str) -> list[Fernet]:
    """That of the newest key first."""
    return [Fernet(_key(secret, purpose)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _key(secret: str, purpose: str) -> bytes:
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"graft: {purpose}".encode()).derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
