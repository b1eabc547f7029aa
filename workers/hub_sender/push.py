"""The push itself: one commit that has all files, or none.

Large files are sent first, to where no commit names them; the commit then appears with all of them at once. In a
repository with another merged model, the same commit removes that one's files, so that two never mix.
Imported only after `hub/set_up.py` has set the libraries up.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, set_client_factory
from huggingface_hub import is_offline_mode as is_offline
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

from adapters.manifest import CHECKSUMS_NAME
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, log
from workers.hub.calls import patient_client, persist
from workers.hub_sender.counted import Counted, Counter
from workers.hub_sender.spec import HubSendSpec
from workers.progress import Progress

ANSWER_SECONDS = 300  # a commit of many files takes the hub its time
CARD = "README.md"
BEGINNING = frozenset({CARD, ".gitattributes"})  # what a repository may have before anything is pushed


@dataclass(frozen=True)
class _Head:
    """What the repository has now; `provenance` is that of the merged model in it, if it has one."""

    commit: str
    paths: frozenset[str]
    provenance: bytes | None


def push(spec: HubSendSpec, token: str) -> dict[str, Any]:
    """Push the files, unless the repository has them already.

    Raises:
        ChildFailure: the repository has something else.
        HfHubHTTPError: what `refusals.py` explains.
    """
    if is_offline():
        raise OfflineModeIsEnabled
    if "/" not in spec.repository:  # the library would take the token's owner
        raise HFValidationError("The owner is missing")
    set_client_factory(partial(patient_client, ANSWER_SECONDS))
    api = HfApi(token=token, library_name="graft")
    persist(api.create_repo, spec.repository, private=spec.private, repo_type="model", exist_ok=True)
    additions = _additions(spec)
    # Looked at anew in each try: an answer that was lost may have been that of a commit that was made.
    commit, is_new = persist(_commit, api, spec, additions)
    size = sum(file.size for file in spec.files)
    return {
        "repository": spec.repository,
        "commit": commit,
        "url": f"{constants.ENDPOINT}/{spec.repository}/tree/{commit}",
        "files": len(spec.files),
        "size": size,
        "is_new": is_new,
    }


def _commit(api: HfApi, spec: HubSendSpec, additions: list[Counted]) -> tuple[str, bool]:
    """The commit with the files, and whether it is a new one."""
    head = _head(api, spec)
    wanted = {file.path for file in spec.files}
    if head.provenance == (spec.folder / spec.provenance).read_bytes() and wanted <= head.paths:
        log(f"{spec.repository} has these files already.")
        return head.commit, False
    stale = _paths_of(head.provenance, spec) & head.paths - wanted
    operations: list[CommitOperationAdd | CommitOperationDelete] = [*additions]
    operations += [CommitOperationDelete(path, is_folder=False) for path in sorted(stale)]
    if CARD not in head.paths | wanted:
        operations.append(CommitOperationAdd(CARD, spec.card.encode()))
    made = api.create_commit(
        spec.repository,
        operations,
        commit_message=spec.message,
        commit_description=spec.description,
        repo_type="model",
        parent_commit=head.commit,
    )
    return made.oid, True


def _head(api: HfApi, spec: HubSendSpec) -> _Head:
    """What lies there.

    Raises:
        ChildFailure: something that Graft did not push.
    """
    info = api.model_info(spec.repository, timeout=ANSWER_SECONDS)
    paths = frozenset(file.rfilename for file in info.siblings or [])
    if spec.provenance not in paths:
        if paths - BEGINNING:
            raise ChildFailure(
                Cause.SENDING_REFUSED,
                f"{spec.repository} has files that are not of a merged model. Choose another name for the repository.",
            )
        return _Head(str(info.sha), paths, None)
    path = api.hf_hub_download(spec.repository, spec.provenance, repo_type="model", revision=str(info.sha))
    return _Head(str(info.sha), paths, Path(path).read_bytes())


def _paths_of(provenance: bytes | None, spec: HubSendSpec) -> frozenset[str]:
    """The files of the merged model that the repository has.

    Raises:
        ChildFailure: what says it was written by somebody else.
    """
    if provenance is None:
        return frozenset()
    try:
        listed = [str(file["path"]) for file in json.loads(provenance)["files"]]
    except (ValueError, KeyError, TypeError):
        raise ChildFailure(
            Cause.SENDING_REFUSED,
            f"{spec.provenance} in {spec.repository} is not as Graft writes it, so nobody knows which files are of the "
            "merged model before. Choose another name for the repository.",
        ) from None
    return frozenset({*listed, CHECKSUMS_NAME})


def _additions(spec: HubSendSpec) -> list[Counted]:
    counter = Counter(Progress(Phase.SENDING, sum(file.size for file in spec.files)))
    return [Counted.of(file, spec.folder, counter) for file in spec.files]
