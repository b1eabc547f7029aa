"""What is asked of the hub. Pure."""

from dataclasses import dataclass
from typing import Literal

RepoKind = Literal["dataset", "model"]


@dataclass(frozen=True)
class AskedRepo:
    """A repository at a revision (branch, tag or commit), as a person names them."""

    kind: RepoKind
    repo_id: str
    revision: str
