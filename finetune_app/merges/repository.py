"""What the Hugging Face libraries call a merged model: the repository of an adapter's verified ones, and a commit."""

from adapters.commits import commit_of_files
from finetune_app.merges.models import MergedModel

SUFFIX = "-Merged"
"""No adapter and no base model has a name with a capital letter (`names.py`), so none is mistaken for a repository."""


def repository_name(adapter: str) -> str:
    """The name of the repository with the verified merged models of the adapter."""
    return f"{adapter}{SUFFIX}"


def adapter_of(repository: str) -> str | None:
    """The adapter whose merged models the repository has; None: it is another repository."""
    return repository.removesuffix(SUFFIX) if repository.endswith(SUFFIX) else None


def commit_of_merged(merged: MergedModel) -> str:
    """The commit of exactly these files."""
    return commit_of_files(merged.files)
