"""What a button could not do, told on the page that follows."""

from django.contrib import messages
from django.http import HttpRequest

from finetune_app.errors import UserError

NOT_ALLOWED = 403


def tell_error(request: HttpRequest, error: UserError) -> None:
    """Leave the sentence for the next page.

    Raises:
        UserError: the same, where the person may not do it at all.
    """
    if error.status == NOT_ALLOWED:
        raise error
    messages.error(request, error.message)
