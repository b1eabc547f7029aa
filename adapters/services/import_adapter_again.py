"""A refused import is tried once more, with what was wrong mended."""

from typing import Any

from adapters.access import find_base_revision
from adapters.adapter_source import FetchableAdapter
from adapters.models import AdapterImport
from adapters.services.import_adapter import check_source
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.imports.end_import import queue_again


def import_adapter_again(
    access: Access, found: AdapterImport, *, base: str, source: FetchableAdapter | None = None
) -> AdapterImport:
    """Try a refused import once more, on this base; one that is not refused stays as it is.

    Args:
        access: who asks.
        found: an import that the caller has reached.
        base: the base revision, as `tiny@2`.
        source: another revision, folder or path, for one that is fetched.

    Raises:
        UserError: `not_allowed`, `invalid_reference`, `invalid_repo_id`, or `source_unknown`.
        NotFound: there is no such base (422).
    """
    access.require(Role.EDITOR)
    changes: dict[str, Any] = {"base_revision": find_base_revision(access, base, field="base")}
    if source is not None and not found.has_files:
        check_source(source)
        changes["source"] = source.model_dump() | {"files": []}
    queue_again(found, **changes)
    return found
