"""Delete a base revision, or a base model with all its revisions, as long as nothing depends on it."""

from django.db import transaction
from django.db.models import Max, ProtectedError, QuerySet

from adapters.dependants import dependants_of_revisions
from adapters.in_use import in_use_error
from adapters.models import AdapterImport, BaseModel, BaseRevision
from adapters.services.standing import reconsider_versions
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import NotFound
from finetune_app.work.states import TaskState


def delete_base_revision(access: Access, revision: BaseRevision) -> None:
    """Delete a revision that the caller has reached, and its base model when it was the only one.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
        NotFound: somebody else deleted it.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        base = _lock(revision.base_model)
        this = BaseRevision.objects.filter(pk=revision.pk)
        if not this.exists():
            raise NotFound("base revision", str(revision))
        _remove(str(revision), base, this)
        if base.revisions.exists():
            reconsider_versions(base)
        else:
            base.delete()


def delete_base_model(access: Access, base: BaseModel) -> None:
    """Delete a base model that the caller has reached, with all its revisions.

    Raises:
        UserError: `not_allowed`, or `in_use` with everything that depends on it in `details`.
        NotFound: somebody else deleted it.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        base = _lock(base)
        _remove(base.name, base, BaseRevision.objects.filter(base_model=base))
        base.delete()


def _lock(base: BaseModel) -> BaseModel:
    found = BaseModel.objects.select_for_update().filter(pk=base.pk).first()
    if found is None:
        raise NotFound("base model", base.name)
    return found


def _remove(what: str, base: BaseModel, revisions: QuerySet[BaseRevision]) -> None:
    """The revisions go, with what only tells that an adapter was imported onto them."""
    if users := dependants_of_revisions(revisions):
        raise in_use_error(what, users)
    given = base.revisions.aggregate(last=Max("number"))["last"] or 0
    BaseModel.objects.filter(pk=base.pk).update(last_number=max(base.last_number, given))
    AdapterImport.objects.filter(base_revision__in=revisions.values("pk"), state=TaskState.SUCCEEDED).delete()
    try:
        revisions.delete()
    except ProtectedError as error:  # a job or a version that was made just now
        raise in_use_error(what, sorted(str(user) for user in error.protected_objects)) from error
