"""The only way to reach uploads: a person's own, in their workspace."""

from uuid import UUID

from django.db.models import QuerySet

from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.uploads.models import Upload


def uploads_of(access: Access) -> QuerySet[Upload]:
    """What this person is sending to the workspace."""
    return Upload.objects.filter(workspace=access.workspace, created_by=access.user)


def get_upload(access: Access, pk: UUID) -> Upload:
    """One of `uploads_of`.

    Raises:
        NotFound: it is not theirs, is done, was given up, or never was.
    """
    found = uploads_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("upload", str(pk))
    return found
