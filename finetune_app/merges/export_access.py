"""The only ways to reach exports: those of a merged model that the caller may be given by the address they used."""

from django.db.models import QuerySet

from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound
from finetune_app.merges.chosen import find_merged_model
from finetune_app.merges.models import Export, MergedModel


def exports_of(merged_model: MergedModel) -> QuerySet[Export]:
    """Those of a merged model that the caller has reached, the newest first."""
    found = Export.objects.filter(merged_model=merged_model).order_by("-number")
    long = ("merged_model__files", "merged_model__version__manifest")
    return found.select_related("merged_model__version__adapter", "created_by").defer(*long)


def get_export(access: Access, name: str, label: int | str, merged: int | str, number: int) -> Export:
    """Number `number` of the exports of a merged model.

    Args:
        access: the caller's.
        name: the adapter's name.
        label: the number of its version, or an alias.
        merged: the number of the merged model, or `verified`.
        number: the export's.

    Raises:
        NotFound: the workspace has no such version, merged model or export.
        UserError: `merge_rejected`, `merge_not_done`.
    """
    merged_model = find_merged_model(access, name, label, merged)
    found = exports_of(merged_model).filter(number=number).first()
    if found is None:
        raise NotFound("export", f"{merged_model.version}/{merged_model.number}/{number}")
    return found
