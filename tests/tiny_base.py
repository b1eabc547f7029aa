"""The tiny base model of `tests/tiny.py`, registered in a workspace as any other."""

import tempfile
from pathlib import Path

from adapters.models import BaseRevision
from adapters.services.register_base import register_base
from finetune_app.accounts.models import Workspace
from tests.tiny import make_tiny_base, tiny_base


def register_tiny_base(workspace: Workspace, *, name: str = "tiny", seed: int = 0) -> BaseRevision:
    """The base model `name` with these weights; another `seed` under the same name is its next revision."""
    if seed == 0:
        return register_base(workspace, name=name, folder=tiny_base(), source="made by the tests")
    with tempfile.TemporaryDirectory() as folder:
        make_tiny_base(Path(folder), seed=seed)
        return register_base(workspace, name=name, folder=Path(folder), source="made by the tests")
