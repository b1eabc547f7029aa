"""What a person changes about themselves."""

from finetune_app.accounts.models import User


def rename(user: User, name: str) -> None:
    """Set the name that others see."""
    user.first_name = name.strip()
    user.last_name = ""
    user.save(update_fields=["first_name", "last_name"])


def set_password(user: User, password: str) -> None:
    """Set the password, which the form has checked; the user's other sessions end, as do open sign-in links."""
    user.set_password(password)
    user.save(update_fields=["password"])
