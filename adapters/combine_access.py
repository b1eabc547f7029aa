"""The only ways to reach combinations: those of the caller's workspace."""

from adapters.models import RegistryTask
from adapters.states import RegistryTaskKind
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound


def get_combination(access: Access, pk: int) -> RegistryTask:
    """The combination with this id.

    Raises:
        NotFound: the workspace has none.
    """
    tasks = RegistryTask.objects.filter(workspace=access.workspace, kind=RegistryTaskKind.COMBINE)
    found = tasks.filter(pk=pk).first()
    if found is None:
        raise NotFound("combination", str(pk))
    return found
