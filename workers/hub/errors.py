"""What goes wrong between a worker and the hub, in words for people.

Imported only after `set_up.py` has set the libraries up.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # of whichever name it is

from finetune_app.errors import UserError
from workers.child import chain_of
from workers.hub.asked import AskedRepo

PASSING_STATUSES = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@contextmanager
def explain_errors(asked: AskedRepo) -> Iterator[None]:
    """Raise what the hub or the way to it does wrong as what a person can act on.

    Raises:
        UserError: `invalid_repo_id`, `hub_not_found`, `hub_gated`, `revision_unknown`, `hub_offline`, `hub_refused` or
            `hub_unreachable`.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, json.JSONDecodeError):
            raise _unreachable("what answers is no hub") from error
        if found := fault_of_hub(error, asked):
            raise found from error
        raise


def may_pass(error: Exception) -> bool:
    """Whether the same request may do better in a while."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in PASSING_STATUSES or error.response.is_server_error
    # A plain OSError without a number: the library counted the bytes of a download, and some were missing.
    return isinstance(error, httpx.TransportError) or (type(error) is OSError and error.errno is None)


def fault_of_hub(error: BaseException, asked: AskedRepo) -> UserError | None:
    """What of it the hub did; None when it did nothing wrong.

    Libraries hide some errors behind their own, so those before them count too.
    """
    # That a file is not there is often what it wanted to know.
    causes = [link for link in chain_of(error) if link is error or not isinstance(link, RemoteEntryNotFoundError)]
    return next((found for link in causes if (found := _in_words(link, asked))), None)


def _in_words(error: BaseException, asked: AskedRepo) -> UserError | None:
    name = asked.repo_id
    match error:
        case HFValidationError():
            return UserError(
                "invalid_repo_id",
                f"“{name}” is not the name of a {asked.kind} on the hub. Write owner/name, as its page has it at the "
                "top.",
                field="repo_id",
            )
        case GatedRepoError():
            return UserError(
                "hub_gated",
                f"The owner of {name} decides who may read it. Ask for access on its page, then have the administrator "
                "set HF_TOKEN of the workers to a token of the account that got it.",
                field="repo_id",
            )
        case RepositoryNotFoundError() | DisabledRepoError():
            return UserError(
                "hub_not_found",
                f"The hub shows no {asked.kind} {name}. Check the name; for a private or gated one the administrator "
                "has to set HF_TOKEN for the workers.",
                field="repo_id",
            )
        case RevisionNotFoundError():
            return UserError(
                "revision_unknown",
                f"{name} has no revision “{asked.revision}”. Name a branch, a tag or a whole commit.",
                field="revision",
            )
        case OfflineModeIsEnabled():
            return UserError(
                "hub_offline",
                "The workers may not reach the hub: HF_HUB_OFFLINE is set for them. Upload the files, or ask the "
                "administrator to take it away.",
            )
        case HfHubHTTPError() if not may_pass(error):
            return UserError(
                "hub_refused",
                f"The hub refuses to hand out {name} ({status_of(error)}). Ask the administrator whether the HF_TOKEN "
                "of the workers is right.",
            )
        case HfHubHTTPError():
            return _unreachable(status_of(error))
        case LocalEntryNotFoundError() | ConnectionError() | httpx.TransportError():
            return _unreachable(type(error).__name__)
        case Exception() if may_pass(error):
            return _unreachable("downloads break off")
    return None


def _unreachable(why: str) -> UserError:
    return UserError(
        "hub_unreachable",
        f"The hub at {constants.ENDPOINT} does not answer as it should ({why}). Try again later; if that does not "
        "help, ask the administrator whether the workers can reach it.",
    )


def status_of(error: HfHubHTTPError) -> str:
    """The number of the hub's refusal, and its own words where it has some."""
    said = error.response.headers.get("X-Error-Message", "")
    return " ".join(filter(None, [str(error.response.status_code), said]))
