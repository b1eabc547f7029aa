"""Delete an adapter with all its versions as long as nothing depends on one of them."""

from django.db import transaction
from django.db.models import ProtectedError

from adapters.dependants import dependants_of_versions
from adapters.in_use import in_use_error
from adapters.models import Adapter, AdapterVersion
from adapters.services.move_alias import lock_adapter
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role


def delete_adapter(access: Access, adapter: Adapter) -> None:
    """Delete an adapter that the caller has reached. Its versions may depend on each other, since all of them go.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
        NotFound: somebody else deleted it.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        adapter = lock_adapter(adapter)
        if users := dependants_of_versions(AdapterVersion.objects.filter(adapter=adapter)):
            raise in_use_error(adapter.name, users)
        try:
            adapter.delete()
        except ProtectedError as error:  # a job that was made just now
            raise in_use_error(adapter.name, sorted(str(user) for user in error.protected_objects)) from error
