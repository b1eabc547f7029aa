"""The only ways to reach base models, adapters and their versions: those of the caller's workspace."""

from django.db.models import QuerySet

from adapters.models import Adapter, AdapterVersion, BaseModel, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.names import split_reference, split_version_reference


def base_models_of(access: Access) -> QuerySet[BaseModel]:
    """The workspace's base models, by name."""
    return BaseModel.objects.filter(workspace=access.workspace).order_by("name")


def base_revisions_of(access: Access) -> QuerySet[BaseRevision]:
    """All revisions of the workspace's base models, by name and newest first, each with its base model."""
    return (
        BaseRevision.objects.filter(base_model__workspace=access.workspace)
        .select_related("base_model")
        .order_by("base_model__name", "-number")
    )


def get_base_model(access: Access, name: str) -> BaseModel:
    """The base model of this name.

    Raises:
        NotFound: the workspace has no such base model.
    """
    found = base_models_of(access).filter(name=name).first()
    if found is None:
        raise NotFound("base model", name)
    return found


def get_base_revision(access: Access, name: str, number: int) -> BaseRevision:
    """Revision `number` of the base model `name`.

    Raises:
        NotFound: the workspace has no such revision.
    """
    found = base_revisions_of(access).filter(base_model__name=name, number=number).first()
    if found is None:
        raise NotFound("base revision", f"{name}@{number}")
    return found


def find_base_revision(access: Access, reference: str, *, field: str = "base_model") -> BaseRevision:
    """The revision that `name` (the newest) or `name@2` means; errors belong to the form field `field`.

    Raises:
        UserError: the reference is malformed.
        NotFound: the workspace has no such base model or revision (status 422).
    """
    name, number = split_reference(reference, field=field)
    revisions = base_revisions_of(access).filter(base_model__name=name)
    found = (revisions if number is None else revisions.filter(number=number)).first()
    if found is None:
        what = "base model" if number is None or not revisions.exists() else "base revision"
        raise NotFound(what, name if what == "base model" else reference, field=field, status=422)
    return found


def adapters_of(access: Access) -> QuerySet[Adapter]:
    """The workspace's adapters, by name."""
    return Adapter.objects.filter(workspace=access.workspace).order_by("name")


def adapter_versions_of(access: Access) -> QuerySet[AdapterVersion]:
    """All versions of the workspace's adapters, the newest first, each with its adapter and base revision."""
    return _with_names(AdapterVersion.objects.filter(workspace=access.workspace))


def versions_of(owner: Adapter | BaseRevision) -> QuerySet[AdapterVersion]:
    """The same of one adapter, or on one base revision, that the caller has reached."""
    of_it = {"adapter": owner} if isinstance(owner, Adapter) else {"base_revision": owner}
    return _with_names(AdapterVersion.objects.filter(**of_it))


def _with_names(versions: QuerySet[AdapterVersion]) -> QuerySet[AdapterVersion]:
    return versions.select_related("adapter", "base_revision__base_model", "created_by").order_by("-id")


def get_adapter(access: Access, name: str) -> Adapter:
    """The adapter of this name.

    Raises:
        NotFound: the workspace has no such adapter.
    """
    found = adapters_of(access).filter(name=name).first()
    if found is None:
        raise NotFound("adapter", name)
    return found


def get_adapter_version(access: Access, name: str, label: int | str) -> AdapterVersion:
    """The version of the adapter `name` that `label` means: its number, or an alias.

    Raises:
        NotFound: the workspace has no such version.
    """
    found = _version(access, name, label)
    if found is None:
        raise NotFound("adapter version", f"{name}@{label}")
    return found


def find_adapter_version(access: Access, reference: str, *, field: str) -> AdapterVersion:
    """The version that `name` (the newest), `name@3` or `name@production` means; errors belong to the field `field`.

    Raises:
        UserError: the reference is malformed.
        NotFound: the workspace has no such adapter or version (status 422).
    """
    name, label = split_version_reference(reference, field=field)
    found = _version(access, name, label)
    if found is None:
        raise NotFound("adapter version", reference, field=field, status=422)
    return found


def _version(access: Access, name: str, label: int | str | None) -> AdapterVersion | None:
    # By the adapter's workspace: by that of the versions, SQLite would look through all that the workspace has.
    versions = _with_names(AdapterVersion.objects.filter(adapter__workspace=access.workspace, adapter__name=name))
    match label:
        case None:
            return versions.order_by("-number").first()
        case int():
            return versions.filter(number=label).first()
        case str():
            return versions.filter(aliases__name=label).first()
