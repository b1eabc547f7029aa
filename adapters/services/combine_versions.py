"""Make one adapter version of several: check what they are, and queue the work; `workers/adapter_combiner` does it."""

import json
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction

from adapters.access import find_adapter_version
from adapters.adapter_folder_names import CONFIG
from adapters.combination import LEAST, MAX_WEIGHT, MOST, CombinationOptions
from adapters.fits import require_fits, require_usable
from adapters.models import Adapter, AdapterVersion, RegistryTask
from adapters.services.request_registry_task import request_registry_task
from adapters.states import RegistryTaskKind
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import InvalidFields, UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs
from finetune_app.work import run_task

FIELD = "versions"
# What peft's way of combining leaves out or gets wrong, with the words for it.
LEFT_OUT = {
    "use_dora": "is a DoRA adapter, whose magnitudes cannot be added",
    "modules_to_save": "replaces whole modules, which cannot be added",
    "trainable_token_indices": "has trained tokens of its own, which cannot be added",
    "target_parameters": "changes parameters of experts, which peft does not combine",
    "lora_bias": "has biases of its own, which peft does not combine",
    "layer_replication": "repeats layers, so it belongs to another model",
}


def combine_versions(
    access: Access, *, name: str, parts: Sequence[tuple[str, float]], options: CombinationOptions
) -> RegistryTask:
    """Queue the combination; asking for the same once more, while nothing else was registered, gives the same work.

    Args:
        access: who asks, and where.
        name: the adapter of which the result is the next version; made when it is new.
        parts: reference (`name@3`, `name@production`) and weight of each version, the first one's base is the result's.
        options: the way.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `versions_to_combine`, `combination_unsupported`,
            `combination_ranks_differ`, `adapter_of_other_base`, `adapter_version_retired`, `invalid_reference`.
        InvalidFields: a weight is none.
        NotFound: there is no such version (422).
    """
    access.require(Role.EDITOR)
    checked = check_name(name, field="name")
    if not LEAST <= len(parts) <= MOST:
        raise UserError("versions_to_combine", f"Name {LEAST} to {MOST} versions to combine.", field=FIELD)
    _check_weights([weight for _, weight in parts])
    versions = [_found(access, place, reference) for place, (reference, _) in enumerate(parts)]
    if len({version.pk for version in versions}) < len(versions):
        raise UserError("versions_to_combine", "A version is named twice. Name each one once.", field=FIELD)
    for place, version in enumerate(versions[1:], 1):
        require_fits(version, versions[0].base_revision, field=_field(place))
    _check_configs([_config(version) for version in versions], versions, options)
    adapter = Adapter.objects.filter(workspace=access.workspace, name=checked).first()
    params = {
        "name": checked,
        "after": adapter.last_number if adapter else 0,
        "versions": [
            [version.pk, version.manifest_sha256, weight] for version, (_, weight) in zip(versions, parts, strict=True)
        ],
        "options": options.model_dump(mode="json"),
    }
    return request_registry_task(access.workspace, RegistryTaskKind.COMBINE, params, user=access.user)


def combine_again(access: Access, task: RegistryTask) -> None:
    """Queue a combination that failed, or was stopped, once more.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        if run_task.queue_again(task):
            transaction.on_commit(partial(run_task.wake_for, task))


def _check_weights(weights: list[float]) -> None:
    wrong = {
        _field(place): f"A weight is a number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g} and not 0."
        for place, weight in enumerate(weights)
        if not math.isfinite(weight) or weight == 0 or abs(weight) > MAX_WEIGHT
    }
    if wrong:
        raise InvalidFields(wrong)


def _found(access: Access, place: int, reference: str) -> AdapterVersion:
    version = find_adapter_version(access, reference, field=_field(place))
    require_usable(version, field=_field(place))
    return version


def _config(version: AdapterVersion) -> dict[str, Any]:
    sha256 = next(file["sha256"] for file in version.manifest["files"] if file["path"] == CONFIG)
    config: dict[str, Any] = json.loads(blobs.read(sha256))
    return config


def _check_configs(configs: list[dict[str, Any]], versions: list[AdapterVersion], options: CombinationOptions) -> None:
    for place, (config, version) in enumerate(zip(configs, versions, strict=True)):
        if why := _why_not(config):
            advice = "Leave it out, or merge it into its base and go on from there."
            raise UserError("combination_unsupported", f"{version} {why}. {advice}", field=_field(place))
    ranks = {_rank(config) for config in configs}
    if not options.combination_type.is_by_svd and (len(ranks) > 1 or None in ranks):
        raise UserError(
            "combination_ranks_differ",
            "This way adds up factors, so every version must have one and the same rank. Choose the way with SVD.",
            field="combination_type",
        )


def _why_not(config: dict[str, Any]) -> str:
    if config.get("task_type", "CAUSAL_LM") not in {None, "CAUSAL_LM"}:
        return "scores texts; only adapters of language models are combined"
    if config.get("bias", "none") != "none":
        return "trained biases as well, which peft does not combine"
    return next((words for name, words in LEFT_OUT.items() if config.get(name)), "")


def _rank(config: dict[str, Any]) -> int | None:
    """The rank of all its modules; None where they differ."""
    return None if config.get("rank_pattern") else config["r"]


def _field(place: int) -> str:
    return f"{FIELD}[{place}]"
