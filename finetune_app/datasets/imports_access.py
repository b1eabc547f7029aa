"""The only ways to reach imports: those of the caller's workspace."""

from django.db.models import QuerySet

from finetune_app.accounts.access import Access
from finetune_app.datasets.models import DatasetImport
from finetune_app.errors import NotFound


def imports_of(access: Access) -> QuerySet[DatasetImport]:
    """The workspace's imports, the newest first."""
    found = DatasetImport.objects.filter(workspace=access.workspace)
    return found.select_related("workspace", "version__dataset", "created_by").order_by("-id")


def get_import(access: Access, pk: int) -> DatasetImport:
    """One of them.

    Raises:
        NotFound: the workspace has no such import.
    """
    found = imports_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("import", str(pk))
    return found
