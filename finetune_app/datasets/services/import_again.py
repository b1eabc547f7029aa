"""A refused import is tried once more, with what was wrong mended."""

from collections.abc import Mapping
from typing import Any

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.import_source import Fetchable
from finetune_app.datasets.models import DatasetImport
from finetune_app.datasets.services.import_from import check_source
from finetune_app.imports.end_import import queue_again


def import_again(
    access: Access, found: DatasetImport, options: Mapping[str, Any], source: Fetchable | None = None
) -> DatasetImport:
    """Try a refused import once more, its rows read in another way; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        options: how the rows are read, as `upload_dataset` takes it.
        source: another split, revision or path, for one whose files were not fetched.

    Raises:
        UserError: `not_allowed`, `invalid_repo_id`, or `source_unknown`.
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {"options": dict(options)}
    if source is not None and not found.has_files:
        check_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    queue_again(found, **changes)
    return found
