"""The part of the new-job page that says whether the job will fit: memory and time on each kind of worker."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.jobs.config_form import USUAL_MODULES, ConfigForm
from finetune_app.jobs.forms import TargetForm
from finetune_app.jobs.plan.memory_model import Memory
from finetune_app.jobs.services.predict_job import DevicePrediction, predict_job

# The parts of the bar, in the order of reading.
PARTS = {
    "weights": "Weights",
    "adapter": "Adapter",
    "optimizer": "Optimizer",
    "activations": "Activations",
    "logits": "Logits",
    "other": "Other",
}


@dataclass(frozen=True)
class BarPart:
    """One part of the bar, from `start` on; both in percent of the device's memory, or of the need if that is more."""

    name: str
    title: str
    bytes: int
    start: float
    percent: float


@dataclass(frozen=True)
class Card:
    """One kind of device on the page."""

    found: DevicePrediction
    parts: list[BarPart]
    change: str


@workspace_view
@require_safe
def plan(request: HttpRequest, access: Access) -> HttpResponse:
    """What the form's choice would need; empty while the choice is not whole."""
    access.require(Role.EDITOR)
    target = TargetForm(access, request.GET)
    modules = list(target.base.linear_modules) if target.base else list(USUAL_MODULES)
    form = ConfigForm(request.GET, modules=modules)
    is_chosen = target.base is not None and target.version is not None
    context: dict[str, Any] = {"is_update": True, "is_wrong": is_chosen and not form.is_valid()}
    if target.base and target.version and form.is_valid() and form.config is not None:
        prediction = predict_job(target.version, target.base, form.config)
        context["is_unknown"] = prediction is None
        if prediction:
            context |= {"prediction": prediction, "cards": [_card(found) for found in prediction.devices]}
    return render(request, "jobs/_plan.html", context)


def _card(found: DevicePrediction) -> Card:
    change = found.fit.change
    parts = bar_parts(found.fit.plan.memory, found.device.memory_bytes)
    return Card(found, parts, json.dumps(change.options) if change else "")


def bar_parts(memory: Memory, memory_bytes: int) -> list[BarPart]:
    """The parts of what is needed, as they stand in the bar; those of nothing are left out."""
    whole = max(memory.needed_bytes, memory_bytes, 1)
    sizes = {name: int(getattr(memory, name)) for name in PARTS}
    sizes["other"] += memory.context
    parts, start = [], 0
    for name, size in sizes.items():
        if size:
            parts.append(BarPart(name, PARTS[name], size, round(100 * start / whole, 2), round(100 * size / whole, 2)))
        start += size
    return parts
