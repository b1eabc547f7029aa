"""What goes wrong while something is pushed to the hub, in words for people.

Imported only after `hub/set_up.py` has set the libraries up.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from huggingface_hub import constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # of whichever name it is

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure, chain_of
from workers.hub.errors import may_pass, status_of

SETTINGS = "An admin sets it under Settings, Hub token."


@contextmanager
def explain_refusals(repository: str) -> Iterator[None]:
    """Raise what the hub or the way to it does wrong as a `ChildFailure` that says what to do.

    Raises:
        ChildFailure: `SENDING_REFUSED`.
    """
    try:
        yield
    except ChildFailure:
        raise
    except Exception as error:
        words = next((found for link in chain_of(error) if (found := _in_words(link, repository))), "")
        if not words:
            raise
        raise ChildFailure(Cause.SENDING_REFUSED, words) from error


def _in_words(error: BaseException, repository: str) -> str:
    match error:
        case HFValidationError():
            return f"“{repository}” is no name of a repository. Write owner/name."
        case OfflineModeIsEnabled():
            return "The workers may not reach the hub: HF_HUB_OFFLINE is set for them."
        case HfHubHTTPError() if may_pass(error):
            return _unreachable(status_of(error))
        case HfHubHTTPError():
            return _refused(error, repository)
        case json.JSONDecodeError():
            return _unreachable("what answers is no hub")
        case ConnectionError() | httpx.TransportError():
            return _unreachable(type(error).__name__)
        case ValueError() if "LFS" in str(error):
            return f"The hub did not take a file: {str(error).strip().rpartition('`')[2][:200]}"
    return ""


def _refused(error: HfHubHTTPError, repository: str) -> str:
    said = status_of(error)
    match error.response.status_code:
        case HTTPStatus.UNAUTHORIZED if not isinstance(error, RepositoryNotFoundError):
            return f"The hub does not know the workspace's token ({said}). {SETTINGS}"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.NOT_FOUND:
            return f"The hub shows no {repository} to the workspace's token ({said}). Check the name, or the token."
        case HTTPStatus.PAYMENT_REQUIRED | HTTPStatus.REQUEST_ENTITY_TOO_LARGE | HTTPStatus.INSUFFICIENT_STORAGE:
            return f"The hub has no room left for it ({said}). Make room in the account there, or make more."
        case HTTPStatus.FORBIDDEN:
            return (
                f"The workspace's token may not write to {repository} ({said}). It needs the right to write there, and "
                f"to make the repository where there is none. {SETTINGS}"
            )
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return f"Somebody else wrote to {repository} at the same time ({said}). Look there, then try again."
        case _:
            return f"The hub refuses to take {repository} ({said})."


def _unreachable(why: str) -> str:
    return f"The hub at {constants.ENDPOINT} does not answer as it should ({why}). Try again later."
