"""Allow the Python that comes with one exact base revision to run on workers, or forbid it again: an admin's decision.

The files are part of the revision and of its `arch_digest`, so what was looked at is what runs.
"""

import logging

from django.db import transaction
from django.utils import timezone

from adapters.base_texts import AUTO_MAP, named_code
from adapters.models import BaseRevision
from adapters.services.read_base_texts import read_base_texts
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError

log = logging.getLogger(__name__)


def trust_base_code(access: Access, revision: BaseRevision, *, allowed: bool) -> BaseRevision:
    """Say whether the revision's own code may run; saying it again changes nothing.

    Raises:
        UserError: `not_allowed` (only an admin may), `base_has_no_code`, or `base_code_elsewhere`: its config names
            files that are not part of it, so nobody could say what would run.
    """
    access.require(Role.ADMIN)
    if allowed:
        _check(revision)
    changes = {
        "trust_remote_code": allowed,
        "code_decided_by": access.user,
        "code_decided_at": timezone.now(),
    }
    with transaction.atomic():
        if BaseRevision.objects.filter(pk=revision.pk, trust_remote_code=not allowed).update(**changes):
            log.warning(
                "%s %s the own code of %s in %s",
                access.user,
                "allowed" if allowed else "forbade",
                revision,
                access.workspace,
            )
    revision.refresh_from_db()
    return revision


def _check(revision: BaseRevision) -> None:
    if not revision.has_code:
        raise UserError("base_has_no_code", f"{revision} has no Python of its own; there is nothing to allow.")
    present = {file["path"] for file in revision.files}
    missing = [name for name in named_code(read_base_texts(revision)) if name not in present]
    if missing:
        raise UserError(
            "base_code_elsewhere",
            f"The config of {revision} names {missing[0]}, which is not part of it, so nobody can say what would run. "
            f"Put the file into the folder, name it in “{AUTO_MAP}” without a repository, and register that.",
        )
