"""Why the rows of a dataset on the hub cannot be read, in words for people.

Imported only after `hub/set_up.py` has set the libraries up.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

from finetune_app.datasets.file_kinds import PACKED_ENDINGS, READ_ENDINGS
from finetune_app.datasets.import_source import HubDataset
from finetune_app.errors import UserError
from workers.hub.asked import AskedRepo
from workers.hub.errors import fault_of_hub

READ = "Choose one that is made of JSONL, JSON, CSV, TSV or Parquet files."
NO_DATA = {"README.md", ".gitattributes", ".gitignore", ".huggingface.yaml"}
NAMED_KINDS = 10


def asked_repo(source: HubDataset) -> AskedRepo:
    """The repository that it lies in."""
    return AskedRepo("dataset", source.repo_id, source.revision)


@contextmanager
def explain_unreadable(source: HubDataset, paths: Sequence[str]) -> Iterator[None]:
    """Goes around what finds out which of the repository's `paths` make up a split: it fails when none do."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None):  # this machine's trouble
            raise
        raise (fault_of_hub(error, asked_repo(source)) or _no_rows(source, paths, error)) from error


def refuse_other_kinds(source: HubDataset, split: str, paths: Sequence[str]) -> None:
    """Refuse a split of which Graft cannot read every file.

    Raises:
        UserError: `hub_no_rows`.
    """
    others = [path for path in paths if _kind(path) not in READ_ENDINGS]
    if others or not paths:
        found = f"has files that hold no rows for Graft ({_kinds(others)})" if others else "has no files"
        raise UserError("hub_no_rows", f"The split “{split}” of {source.repo_id} {found}. {READ}", field="repo_id")


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


def _kinds(paths: Iterable[str]) -> str:
    """The kinds of files, the most common first: `.png, .txt`."""
    return ", ".join(kind for kind, _ in Counter(map(_kind, paths)).most_common(NAMED_KINDS))


def _kind(path: str) -> str:
    """Its ending, without that of a packing that Graft undoes; its name when it has none."""
    name = PurePosixPath(path).name.lower()
    for ending in PACKED_ENDINGS:
        name = name.removesuffix(ending)
    return PurePosixPath(name).suffix or name
