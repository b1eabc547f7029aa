"""One exact content of a repository."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.manifest import ManifestFile
from finetune_app.hub.repo_names import RepoName
from finetune_app.web.ranged import Content


@dataclass(frozen=True)
class Snapshot:
    """One exact content of a repository.

    Attributes:
        repo: its name, as it was asked for.
        commit: 40 hex digits that belong to this content.
        made_at: when.
        files: all of them.
        facts: what else `model_info` says.
        content: gives the file at a path that is among `files`.
    """

    repo: RepoName
    commit: str
    made_at: datetime
    files: list[ManifestFile]
    facts: dict[str, Any]
    content: Callable[[str], Content]
