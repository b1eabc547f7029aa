"""What the hub's libraries take for the commit of a content: 40 hex digits that only the same content has. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

COMMIT_DIGITS = 40


def commit_of(sha256: str) -> str:
    """The commit of a content with this SHA-256."""
    return sha256[:COMMIT_DIGITS]


def commit_of_files(files: Iterable[Mapping[str, Any]]) -> str:
    """The commit of what is nothing but its files: a base revision, or a merged model."""
    listed = sorted((file["path"], file["sha256"]) for file in files)
    return commit_of(hashlib.sha256(json.dumps(listed).encode()).hexdigest())
