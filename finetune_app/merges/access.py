"""The only ways to reach merged models: those of the caller's workspace, or of a version that they have reached."""

from django.db.models import QuerySet

from adapters.access import get_adapter_version
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.merges.models import MergedModel


def merged_models_in(access: Access) -> QuerySet[MergedModel]:
    """All of the workspace, the newest first."""
    return _with_names(MergedModel.objects.filter(workspace=access.workspace))


def merged_models_of(version: AdapterVersion) -> QuerySet[MergedModel]:
    """Those of a version that the caller has reached, the newest first."""
    return _with_names(MergedModel.objects.filter(version=version))


def get_merged_model(access: Access, name: str, label: int | str, number: int) -> MergedModel:
    """Number `number` of those made of the version of the adapter `name` that `label` means: its number, or an alias.

    Raises:
        NotFound: the workspace has no such version, or the version no such merged model.
    """
    version = get_adapter_version(access, name, label)
    found = merged_models_of(version).filter(number=number).first()
    if found is None:
        raise NotFound("merged model", f"{version}/{number}")
    return found


def _with_names(found: QuerySet[MergedModel]) -> QuerySet[MergedModel]:
    return found.select_related(
        "version__adapter", "base_revision__base_model", "dataset_version__dataset", "created_by"
    ).order_by("-id")
