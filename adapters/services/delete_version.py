"""Delete an adapter version as long as nothing depends on it.

The bytes stay in the storage until the collection of garbage finds that nothing names them any more.
"""

from django.db import transaction
from django.db.models import ProtectedError

from adapters.dependants import dependants_of_versions
from adapters.in_use import in_use_error
from adapters.models import Adapter, AdapterVersion
from adapters.services.move_alias import lock_adapter
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import NotFound


def delete_version(access: Access, version: AdapterVersion) -> None:
    """Delete a version that the caller has reached, and its adapter when it was the only one.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
        NotFound: somebody else deleted it.
    """
    access.require(Role.EDITOR)
    remove_version(version)


def remove_version(version: AdapterVersion, *, quickly: bool = False) -> None:
    """The same on behalf of the workspace, whose retention rule a worker carries out.

    Args:
        version: what to delete.
        quickly: the caller has just asked for everything that depends on it, see `dependants.py`.

    Raises:
        UserError: `in_use`.
        NotFound: somebody else deleted it.
    """
    with transaction.atomic():
        adapter = lock_adapter(version.adapter)
        this = AdapterVersion.objects.filter(pk=version.pk)
        if not this.exists():
            raise NotFound("adapter version", str(version))
        if users := dependants_of_versions(this, quickly=quickly):
            raise in_use_error(str(version), users)
        try:
            this.delete()
        except ProtectedError as error:  # a job or an alias that was made just now
            raise in_use_error(str(version), sorted(str(user) for user in error.protected_objects)) from error
        newest = adapter.versions.order_by("-number").values_list("pk", flat=True).first()
        if newest is None:
            adapter.delete()
        else:
            Adapter.objects.filter(pk=adapter.pk).update(newest=newest)
