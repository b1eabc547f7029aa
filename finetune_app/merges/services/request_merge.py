"""Ask for a merged model: everything is checked first; asking for the same again gives the same one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from adapters.access import find_base_revision
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.access import find_version
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import InvalidFields, NotFound, UserError
from finetune_app.jobs.base_fit import require_template
from finetune_app.jobs.parse_config import sentences_in
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit
from finetune_app.merges.mergeable import require_mergeable
from finetune_app.merges.models import MergedModel, MergedNumber
from finetune_app.merges.options import MergeOptions
from finetune_app.merges.states import Onto, WeightsDtype
from finetune_app.merges.trained_on import four_bits_of
from finetune_app.work import run_task

PREFIX = "options."


@dataclass(frozen=True)
class _Order:
    base: BaseRevision
    rows: DatasetVersion | None
    options: MergeOptions


def request_merge(
    access: Access, version: AdapterVersion, *, options: Mapping[str, Any], base: str = "", dataset: str = ""
) -> MergedModel:
    """The merged model that is made of all this: a new one, the one that is there, or one that failed, tried again.

    Args:
        access: who asks.
        version: one that the caller has reached.
        options: of `MergeOptions`; those not named get `default_options`.
        base: the revision that it is merged into, `tiny@2`; "" is the one that it was trained on.
        dataset: whose rows prove it, `sums@2`; "" are those that it was trained with, when they are still here.

    Raises:
        UserError: `not_allowed`, or what `require_mergeable` refuses, `not_trained_quantized`, `template_missing`.
        InvalidFields: options are wrong; they are named `options.<option>`.
        NotFound: there is no such base revision or dataset (422), or the version was deleted meanwhile.
    """
    access.require(Role.EDITOR)
    order = _check(access, version, options=options, base=base, dataset=dataset)
    key = _key(version, order)
    with transaction.atomic():
        # Whoever merges this version waits here, so that numbers and keys are given once.
        if AdapterVersion.objects.select_for_update().filter(pk=version.pk).values("pk").first() is None:
            raise NotFound("adapter version", str(version))
        found = version.merged_models.filter(key=key).order_by("-id").first()
        if found is None:
            found = _new(access, version, order, key)
            wake_workers_on_commit()
        elif run_task.queue_again(found):
            found.dataset_version = order.rows  # those that it named may have been deleted, and these are the same
            found.save(update_fields=["dataset_version"])
            wake_workers_on_commit()
    return found


def default_options(version: AdapterVersion, base: BaseRevision) -> dict[str, Any]:
    """What is chosen for whoever chooses nothing: the base's own precision, and where the adapter belongs."""
    values: dict[str, Any] = {}
    if base.dtype in set(WeightsDtype):
        values["dtype"] = base.dtype
    trained = four_bits_of(version.manifest)
    if trained is None:
        values["compare_ways"] = False
    elif trained.makes_up_for_it:
        values["onto"] = Onto.QUANTIZED
    return MergeOptions.model_validate(values).model_dump()


def rows_of(version: AdapterVersion) -> DatasetVersion | None:
    """The rows that the version was trained with, when they are still here as they were."""
    lineage = version.manifest["lineage"]
    if not lineage["dataset"]:
        return None
    return (
        DatasetVersion.objects.select_related("dataset")
        .filter(
            dataset__workspace_id=version.workspace_id,
            dataset__name=lineage["dataset"],
            number=lineage["dataset_version"],
            sha256=lineage["dataset_sha256"],
        )
        .first()
    )


def _check(access: Access, version: AdapterVersion, *, options: Mapping[str, Any], base: str, dataset: str) -> _Order:
    into = find_base_revision(access, base, field="base_model") if base else version.base_revision
    require_mergeable(version, into)
    chosen = _options(version, into, options)
    rows = find_version(access, dataset, field="dataset") if dataset else rows_of(version)
    if rows is not None and dataset:
        require_template(rows, into)
    return _Order(into, rows, chosen)


def _options(version: AdapterVersion, base: BaseRevision, given: Mapping[str, Any]) -> MergeOptions:
    try:
        chosen = MergeOptions.model_validate(default_options(version, base) | dict(given))
    except ValidationError as error:
        raise InvalidFields(sentences_in(error, PREFIX)) from None
    if four_bits_of(version.manifest) is not None:
        return chosen
    if chosen.onto == Onto.QUANTIZED:
        raise UserError(
            "not_trained_quantized",
            f"{version} was not trained on weights in 4 bits, as far as its lineage says. Add it to the original ones.",
            field=f"{PREFIX}onto",
        )
    return chosen.model_copy(update={"compare_ways": False})  # there is only one way


def _new(access: Access, version: AdapterVersion, order: _Order, key: str) -> MergedModel:
    return MergedModel.objects.create(
        workspace=access.workspace,
        version=version,
        number=_next_number(version),
        base_revision=order.base,
        dataset_version=order.rows,
        options=order.options.model_dump(mode="json"),
        key=key,
        created_by=access.user,
    )


def _next_number(version: AdapterVersion) -> int:
    """One more than was ever given, also to one that was deleted since. The version's row is locked."""
    given, _ = MergedNumber.objects.get_or_create(version=version)
    given.last += 1
    given.save(update_fields=["last"])
    return given.last


def _key(version: AdapterVersion, order: _Order) -> str:
    """SHA-256 of everything that the merged model and its proof are made of."""
    base, rows = order.base, order.rows
    digests = [base.weights_root, base.arch_digest, base.tokenizer_digest, base.chat_template_digest]
    made_of = [
        version.manifest_sha256,
        str(base),
        digests,
        [rows.sha256, rows.row_form, rows.rows_to_skip] if rows else None,
        order.options.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
