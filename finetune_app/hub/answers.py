"""What the hub's API says of a repository, as JSON in the words of `huggingface_hub`."""

import hashlib
from collections.abc import Iterable
from typing import Any

from adapters.commits import COMMIT_DIGITS
from adapters.manifest import ManifestFile
from finetune_app.accounts.access import Access
from finetune_app.hub.snapshot import Snapshot
from finetune_app.names import MAIN

POINTER_BYTES = 134  # those of the note that git keeps in the place of a large file


def model_info(snapshot: Snapshot, *, with_sizes: bool) -> dict[str, Any]:
    """The repository at one commit."""
    made_at = snapshot.made_at.isoformat().replace("+00:00", "Z")
    return {
        "_id": snapshot.commit[:24],
        "id": str(snapshot.repo),
        "modelId": str(snapshot.repo),
        "author": snapshot.repo.owner or None,
        "sha": snapshot.commit,
        "createdAt": made_at,
        "lastModified": made_at,
        "private": True,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "usedStorage": sum(file.size for file in snapshot.files),
        "siblings": [_sibling(file, with_sizes=with_sizes) for file in snapshot.files],
        **snapshot.facts,
    }


def file_entry(file: ManifestFile) -> dict[str, Any]:
    """One file of a listing. By its `lfs` part the library checks what it downloaded."""
    return {"type": "file", "path": file.path, "size": file.size, "oid": file.sha256[:COMMIT_DIGITS], "lfs": _lfs(file)}


def entries(files: Iterable[ManifestFile], folder: str, *, deep: bool) -> list[dict[str, Any]]:
    """What lies in a folder, "" for the top: files and folders, or also all that lies below them."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        if not file.path.startswith(prefix):
            continue
        *folders, _ = file.path.removeprefix(prefix).split("/")
        for depth in range(1, len(folders) + 1):
            path = prefix + "/".join(folders[:depth])
            found[path] = {"type": "directory", "path": path, "size": 0, "oid": _folder_id(path)}
        found[file.path] = file_entry(file)
    return [entry for path, entry in sorted(found.items()) if deep or "/" not in path.removeprefix(prefix)]


def refs(named: dict[str, str]) -> dict[str, Any]:
    """Numbers never move, so they are tags; `main` and aliases are branches."""
    tags = {name: commit for name, commit in named.items() if name.isdigit()}
    branches = {name: commit for name, commit in named.items() if name not in tags}
    return {
        "branches": [_ref(name, "heads", branches[name]) for name in sorted(branches, key=lambda name: name != MAIN)],
        "tags": [_ref(name, "tags", commit) for name, commit in tags.items()],
        "converts": [],
        "pullRequests": [],
    }


def whoami(access: Access) -> dict[str, Any]:
    """Whom the token stands for, and for which workspace."""
    workspace = access.workspace
    return {
        "type": "user",
        "id": str(access.user.pk),
        "name": access.user.get_username(),
        "fullname": access.user.get_full_name() or access.user.get_username(),
        "canPay": False,
        "isPro": False,
        "orgs": [{"type": "org", "id": str(workspace.pk), "name": workspace.slug, "fullname": workspace.name}],
        "auth": {"type": "access_token", "accessToken": {"displayName": workspace.slug, "role": "read"}},
    }


def _sibling(file: ManifestFile, *, with_sizes: bool) -> dict[str, Any]:
    if not with_sizes:
        return {"rfilename": file.path}
    lfs = {"size": file.size, "sha256": file.sha256, "pointerSize": POINTER_BYTES}
    return {"rfilename": file.path, "size": file.size, "blobId": file.sha256[:COMMIT_DIGITS], "lfs": lfs}


def _lfs(file: ManifestFile) -> dict[str, Any]:
    return {"oid": file.sha256, "size": file.size, "pointerSize": POINTER_BYTES}


def _folder_id(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:COMMIT_DIGITS]


def _ref(name: str, kind: str, commit: str) -> dict[str, str]:
    return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
