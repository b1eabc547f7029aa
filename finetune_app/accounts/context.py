"""What every template knows about the workspace in which the person is."""

from typing import Any

from django.http import HttpRequest

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, `access`, `may_edit` and `may_admin` on the pages of a workspace; nothing elsewhere."""
    access: Access | None = getattr(request, "workspace_access", None)
    if access is None:
        return {}
    return {
        "workspace": access.workspace,
        "access": access,
        "may_edit": access.may(Role.EDITOR),
        "may_admin": access.may(Role.ADMIN),
    }
