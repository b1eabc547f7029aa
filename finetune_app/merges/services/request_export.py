"""Ask for an export of a merged model; asking again for the same gives the same export."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from finetune_app.accounts.access import Access
from finetune_app.accounts.hub_token import require_hub_token
from finetune_app.accounts.models import Role
from finetune_app.errors import NotFound, UserError
from finetune_app.jobs.services.wake_workers import wake_workers
from finetune_app.merges.export_options import ExportOptions, FolderOptions, HubOptions
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.parse_export_options import parse_export_options
from finetune_app.merges.states import COMPUTED_EXPORTS, ExportKind, Verdict
from finetune_app.storage.export_places import export_place
from finetune_app.work import run_task
from finetune_app.work.states import TaskState
from finetune_app.work.wake_light_workers import wake_light_workers


def request_export(access: Access, merged_model: MergedModel, options: Mapping[str, Any]) -> Export:
    """The export with these options: as it stands, queued when it is new, and queued again when it failed.

    Args:
        access: who asks.
        merged_model: one that the caller has reached.
        options: `kind`, and the options of that kind; those not named get their defaults.

    Raises:
        UserError: `not_allowed`, `merge_not_verified`, `kind_unknown`, `place_unknown`, `hub_token_missing`.
        InvalidFields: options are wrong.
        NotFound: the merged model was deleted meanwhile.
    """
    access.require(Role.EDITOR)
    require_verified(merged_model)
    chosen = parse_export_options(options)
    _require_possible(merged_model, chosen)
    with transaction.atomic():
        # Held, so that two who ask at once neither take the same number nor queue the same twice.
        if MergedModel.objects.select_for_update().filter(pk=merged_model.pk).values("pk").first() is None:
            raise NotFound("merged model", f"{merged_model.version}/{merged_model.number}")
        export = merged_model.exports.filter(key=export_key(chosen)).first()
        if export is None:
            export = _create(access, merged_model, chosen)
        elif not _queue_again(access, export):
            return export
        transaction.on_commit(_waker(export))
    return export


def try_export_again(access: Access, export: Export) -> Export:
    """Queue it again with the same options; it keeps its number.

    Args:
        access: who asks.
        export: one that the caller has reached.

    Raises:
        UserError: `not_allowed`, `export_not_failed` (409), or what `request_export` refuses by now.
    """
    access.require(Role.EDITOR)
    if export.state != TaskState.FAILED:
        raise UserError("export_not_failed", "Only an export that failed or was stopped is tried again.", status=409)
    return request_export(access, export.merged_model, export.options)


def require_verified(merged_model: MergedModel) -> None:
    """Nothing leaves of a merged model but one that was proven.

    Raises:
        UserError: `merge_not_verified`.
    """
    if merged_model.state == TaskState.SUCCEEDED and merged_model.verdict == Verdict.VERIFIED:
        return
    if merged_model.state == TaskState.SUCCEEDED:
        why = "was rejected by its proof. Look at its report, and merge in another way"
    elif merged_model.is_open:
        why = "is not done yet. Wait until it is proven"
    else:
        why = "has failed. Look why, and try it again"
    raise UserError("merge_not_verified", f"Merged model {merged_model.number} of {merged_model.version} {why}.")


def export_key(options: ExportOptions) -> str:
    """What the export is known by among those of its merged model."""
    return hashlib.sha256(json.dumps(options.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def _require_possible(merged_model: MergedModel, options: ExportOptions) -> None:
    """What can be known before a worker tries."""
    if isinstance(options, FolderOptions):
        export_place(settings.EXPORT_PLACES, options.place)
    if isinstance(options, HubOptions):
        require_hub_token(merged_model.workspace)


def _create(access: Access, merged_model: MergedModel, options: ExportOptions) -> Export:
    last = merged_model.exports.aggregate(last=Max("number"))["last"] or 0
    return merged_model.exports.create(
        number=last + 1,
        kind=options.kind,
        options=options.model_dump(mode="json"),
        key=export_key(options),
        created_by=access.user,
    )


def _queue_again(access: Access, export: Export) -> bool:
    """Whether it had failed; it is now done on behalf of whoever asked last."""
    if not run_task.queue_again(export):
        return False
    Export.objects.filter(pk=export.pk).update(created_by=access.user)
    export.created_by = access.user
    return True


def _waker(export: Export) -> Callable[[], None]:
    return wake_workers if ExportKind(export.kind) in COMPUTED_EXPORTS else wake_light_workers
