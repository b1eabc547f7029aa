"""The user that a command acts for."""

from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError

from finetune_app.accounts.models import User


def active_user(name: str) -> User:
    """The user with this name, who may sign in.

    Raises:
        CommandError: there is none, or not even tables.
    """
    try:
        user = User.objects.filter(username=name, is_active=True).first()
    except (OperationalError, ProgrammingError):
        raise CommandError(
            "The database has no tables yet. Start Graft once (make run), or prepare it with manage.py migrate and "
            "manage.py ensure_first_user."
        ) from None
    if user is None:
        raise CommandError(f"There is no user “{name}”.")
    return user
