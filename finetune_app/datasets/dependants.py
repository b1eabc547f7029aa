"""Who depends on dataset versions. Datasets do not know jobs or adapters; those tell here how to find what they hold.

A finder is registered once, when Django starts (`AppConfig.ready`).
"""

from collections.abc import Callable, Sequence

from finetune_app.datasets.models import DatasetVersion

Finder = Callable[[Sequence[DatasetVersion]], list[str]]
_finders: list[Finder] = []


def register(finder: Finder) -> None:
    """Let `finder` be asked before a version is deleted.

    Args:
        finder: gets versions of one dataset, and names what depends on any of them, e.g. `job 3`.
    """
    if finder not in _finders:
        _finders.append(finder)


def dependants_of(versions: Sequence[DatasetVersion]) -> list[str]:
    """Everything that depends on one of these versions of one dataset, in words."""
    return [name for finder in _finders for name in finder(versions)]
