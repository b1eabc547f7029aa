"""What tests of exports that leave Graft share: a verified merged model, and the worker that carries an export out."""

from typing import Any

from finetune_app.merges.export_options import ExportOptions
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.services.request_export import export_key
from finetune_app.work.run_task import claim_next_task
from workers.run_worker_task import run_worker_task


def begin_export(merged: MergedModel, options: ExportOptions, **columns: Any) -> Export:
    """A queued export of any kind."""
    return merged.exports.create(
        number=merged.exports.count() + 1,
        kind=options.kind,
        options=options.model_dump(mode="json"),
        key=export_key(options),
        created_by=merged.created_by,
        **columns,
    )


def work_off() -> Export:
    """What a light worker does with the next export."""
    found = claim_next_task("light@test")
    assert isinstance(found, Export)
    run_worker_task(found)
    return Export.objects.select_related("merged_model__version__adapter").get(pk=found.pk)


def export(merged: MergedModel, options: ExportOptions) -> Export:
    """An export from its beginning to its end."""
    begin_export(merged, options)
    return work_off()
