"""The only ways to reach base models and adapters: each takes the `Access` of the person who asks."""

from django.db.models import QuerySet

from adapters.models import Adapter, AdapterVersion, BaseModel, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.names import split_reference


def base_models_of(access: Access) -> QuerySet[BaseModel]:
    """The workspace's base models."""
    return BaseModel.objects.filter(workspace=access.workspace)


def get_base_model(access: Access, name: str) -> BaseModel:
    """The base model `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = base_models_of(access).filter(name=name).first()
    if found is None:
        raise NotFound("base model", name)
    return found


def base_revisions_of(access: Access) -> QuerySet[BaseRevision]:
    """The workspace's base revisions, the newest of each base model first; base models come along."""
    return (
        BaseRevision.objects.filter(base_model__workspace=access.workspace)
        .select_related("base_model")
        .order_by("base_model__name", "-number")
    )


def get_base_revision(access: Access, name: str, number: int) -> BaseRevision:
    """Revision `number` of the base model `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = base_revisions_of(access).filter(base_model__name=name, number=number).first()
    if found is None:
        raise NotFound("base revision", f"{name}@{number}")
    return found


def find_base_revision(access: Access, reference: str, *, field: str = "base_model") -> BaseRevision:
    """The revision that `name` (the newest) or `name@2` means; errors stand beside `field`.

    Raises:
        UserError: `invalid_reference`.
        NotFound: there is none in this workspace.
    """
    name, number = split_reference(reference, field=field)
    revisions = base_revisions_of(access).filter(base_model__name=name)
    found = (revisions if number is None else revisions.filter(number=number)).first()
    if found is None:
        what = "base model" if number is None or not revisions.exists() else "base revision"
        raise NotFound(what, reference, field=field, status=422)
    return found


def adapters_of(access: Access) -> QuerySet[Adapter]:
    """The workspace's adapters."""
    return Adapter.objects.filter(workspace=access.workspace)


def get_adapter(access: Access, name: str) -> Adapter:
    """The adapter `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = adapters_of(access).filter(name=name).first()
    if found is None:
        raise NotFound("adapter", name)
    return found


def get_adapter_version(access: Access, name: str, number: int) -> AdapterVersion:
    """Version `number` of the adapter `name`.

    Raises:
        NotFound: there is none in this workspace.
    """
    found = (
        AdapterVersion.objects.select_related("adapter", "base_revision__base_model", "created_by")
        .filter(adapter__workspace=access.workspace, adapter__name=name, number=number)
        .first()
    )
    if found is None:
        raise NotFound("adapter version", f"{name}@{number}")
    return found
