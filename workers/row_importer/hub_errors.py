"""What goes wrong between a worker and the hub, in words for people.

Imported only after `from_hub.py` has set the libraries up.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import PurePosixPath

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

from finetune_app.datasets.file_kinds import PACKED_ENDINGS, READ_ENDINGS
from finetune_app.datasets.import_source import HubDataset
from finetune_app.errors import UserError

READ = "Choose one that is made of JSONL, JSON, CSV, TSV or Parquet files."
NO_DATA = {"README.md", ".gitattributes", ".gitignore", ".huggingface.yaml"}
NAMED_KINDS = 10
PASSING_STATUSES = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@contextmanager
def explain_errors(source: HubDataset) -> Iterator[None]:
    """Raise what the hub or the way to it does wrong as what a person can act on."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, json.JSONDecodeError):
            raise _unreachable("what answers is no hub") from error
        if found := _fault_of_hub(error, source):
            raise found from error
        raise


@contextmanager
def explain_unreadable(source: HubDataset, paths: Sequence[str]) -> Iterator[None]:
    """Goes around what finds out which of the repository's `paths` make up a split: it fails when none do."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None):  # this machine's trouble
            raise
        raise (_fault_of_hub(error, source) or _no_rows(source, paths, error)) from error


def refuse_other_kinds(source: HubDataset, split: str, paths: Sequence[str]) -> None:
    """Refuse a split of which Graft cannot read every file.

    Raises:
        UserError: `hub_no_rows`.
    """
    others = [path for path in paths if _kind(path) not in READ_ENDINGS]
    if others or not paths:
        found = f"has files that hold no rows for Graft ({_kinds(others)})" if others else "has no files"
        raise UserError("hub_no_rows", f"The split “{split}” of {source.repo_id} {found}. {READ}", field="repo_id")


def may_pass(error: Exception) -> bool:
    """Whether the same request may do better in a while."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in PASSING_STATUSES or error.response.is_server_error
    # A plain OSError without a number: the library counted the bytes of a download, and some were missing.
    return isinstance(error, httpx.TransportError) or (type(error) is OSError and error.errno is None)


def _fault_of_hub(error: BaseException, source: HubDataset) -> UserError | None:
    """`datasets` hides some errors behind its own, so those before them count too."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) and before not in chain:
        chain.append(before)
    # That a file is not there is often what it wanted to know.
    causes = [link for link in chain if link is error or not isinstance(link, RemoteEntryNotFoundError)]
    return next((found for link in causes if (found := _in_words(link, source))), None)


def _in_words(error: BaseException, source: HubDataset) -> UserError | None:
    name = source.repo_id
    match error:
        case HFValidationError():
            return UserError(
                "invalid_repo_id",
                f"“{name}” is not the name of a dataset on the hub. Write owner/name, as its page has it at the top.",
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
                f"The hub shows no dataset {name}. Check the name; for a private or gated one the administrator has "
                "to set HF_TOKEN for the workers.",
                field="repo_id",
            )
        case RevisionNotFoundError():
            return UserError(
                "revision_unknown",
                f"{name} has no revision “{source.revision}”. Name a branch, a tag or a whole commit.",
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
                f"The hub refuses to hand out {name} ({_status(error)}). Ask the administrator whether the HF_TOKEN "
                "of the workers is right.",
            )
        case HfHubHTTPError():
            return _unreachable(_status(error))
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


def _no_rows(source: HubDataset, paths: Sequence[str], error: Exception) -> UserError:
    script = f"{source.repo_id.rpartition('/')[2]}.py"
    if script in paths:
        found = f"is made by a script ({script}), which Graft does not run"
        todo = "Try the revision refs/convert/parquet, where the hub may keep its rows as Parquet, or choose another."
        return UserError("hub_no_rows", f"{source.repo_id} {found}. {todo}", field="repo_id")
    kinds = _kinds(path for path in paths if path not in NO_DATA)
    why = " ".join(str(error).split())[:300]
    return UserError(
        "hub_no_rows",
        f"In {source.repo_id} are no files of rows to be found; it holds {kinds or 'nothing'} ({why}). {READ}",
        field="repo_id",
    )


def _status(error: HfHubHTTPError) -> str:
    said = error.response.headers.get("X-Error-Message", "")
    return " ".join(filter(None, [str(error.response.status_code), said]))


def _kinds(paths: Iterable[str]) -> str:
    """The kinds of files, the most common first: `.png, .txt`."""
    return ", ".join(kind for kind, _ in Counter(map(_kind, paths)).most_common(NAMED_KINDS))


def _kind(path: str) -> str:
    """Its ending, without that of a packing that Graft undoes; its name when it has none."""
    name = PurePosixPath(path).name.lower()
    for ending in PACKED_ENDINGS:
        name = name.removesuffix(ending)
    return PurePosixPath(name).suffix or name
