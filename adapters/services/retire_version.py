"""Take a version out of use, and back into it. It stays as it is, and can be downloaded all the while."""

from django.db import transaction

from adapters.models import AdapterVersion
from adapters.services.move_alias import lock_adapter
from adapters.services.move_version import SENTENCE_LENGTH, move_version
from adapters.services.standing import standing
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError


def retire_version(access: Access, version: AdapterVersion, *, reason: str = "") -> None:
    """Lists show it no more and no alias may mean it; one that is retired already stays so.

    Raises:
        UserError: `not_allowed`, `reason_too_long`; `version_has_alias` (409).
        NotFound: it was deleted with its adapter.
    """
    access.require(Role.EDITOR)
    if len(reason) > SENTENCE_LENGTH:
        raise UserError("reason_too_long", f"A reason has at most {SENTENCE_LENGTH} characters.", field="reason")
    with transaction.atomic():
        lock_adapter(version.adapter)
        aliases = list(version.aliases.order_by("name").values_list("name", flat=True))
        if aliases:
            raise UserError(
                "version_has_alias",
                f"{version} is what {' and '.join(f'“{name}”' for name in aliases)} means. "
                f"Move {'it' if len(aliases) == 1 else 'them'} to another version first.",
                field="status",
                status=409,
            )
        move_version(version.pk, VersionStatus.RETIRED, reason=reason.strip())
    version.refresh_from_db(fields=["status", "status_reason"])


def restore_version(access: Access, version: AdapterVersion) -> None:
    """It is what it would be had it not been retired: servable, or stale when its base moved on in the meantime.

    Raises:
        UserError: `not_allowed`.
        NotFound: it was deleted with its adapter.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        lock_adapter(version.adapter)
        status, reason = standing(version)
        move_version(version.pk, status, reason=reason, only_from=[VersionStatus.RETIRED])
    version.refresh_from_db(fields=["status", "status_reason"])
