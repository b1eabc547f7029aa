"""A refused import is tried once more, with what was wrong mended."""

from typing import Any

from adapters.base_source import FetchableBase
from adapters.models import BaseImport
from adapters.services.import_base import check_base_source
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.imports.end_import import queue_again


def import_base_again(access: Access, found: BaseImport, source: FetchableBase | None = None) -> BaseImport:
    """Try a refused import once more; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        source: another repository, revision or path, for one that is fetched.

    Raises:
        UserError: `not_allowed`, `invalid_repo_id`, or `source_unknown`.
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {}
    if source is not None and not found.has_files:
        check_base_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    queue_again(found, **changes)
    return found
