"""What the page of a merged model shows: how far it is, or its verdict with all that the proof measured."""

import math
from typing import Any

from adapters.option_lines import option_lines
from finetune_app.accounts.workspace_view import WorkspaceRequest
from finetune_app.fleet.online import online_workers
from finetune_app.merges.file_page import files_context
from finetune_app.merges.gates import kept_of_possible
from finetune_app.merges.models import MergedModel
from finetune_app.merges.options import MergeOptions
from finetune_app.merges.report import Gate, PromptReport
from finetune_app.merges.report_file import read_report
from finetune_app.merges.words import BYTES, ONTO_WORDS, SOURCE_WORDS, GateLine, advice_for, phase_words
from finetune_app.work.states import CANCELLED, TaskState

SHOWN_PROMPTS, SHOWN_TENSORS = 10, 20


def merged_context(request: WorkspaceRequest, merged: MergedModel) -> dict[str, Any]:
    """For `merged.html`; a whole one has its files and its proof as well."""
    options = MergeOptions.model_validate(merged.options)
    context: dict[str, Any] = {
        "merged": merged,
        "version": merged.version,
        "adapter": merged.version.adapter,
        "options": options,
        "onto": ONTO_WORDS[options.onto],
        **_progress(merged),
    }
    if merged.state == TaskState.SUCCEEDED:
        context |= files_context(request, merged) | _proof(merged)
    return context


def _progress(merged: MergedModel) -> dict[str, Any]:
    is_queued = merged.state == TaskState.QUEUED
    return {
        "label": "Waiting for a training worker" if is_queued else phase_words(merged.phase),
        "unit": "bytes" if merged.phase in BYTES else "",
        "no_worker": is_queued and not online_workers().exists(),
        "was_stopped": merged.error_code == CANCELLED,
        "advice": advice_for(merged.error_code),
    }


def _proof(merged: MergedModel) -> dict[str, Any]:
    report = read_report(merged)
    if report is None:
        return {"report": None}
    prompts = sorted(report.prompts, key=_kl, reverse=True)
    tensors = sorted((one for one in report.tensors if one.retention is not None), key=kept_of_possible)
    return {
        "report": report,
        "gates": [GateLine.of(gate) for gate in sorted(report.gates, key=_failed_first)],
        "measured_ways": [(way, ONTO_WORDS[way.onto], way.onto == report.closest) for way in report.ways],
        "closest": ONTO_WORDS[report.closest].lower() if report.closest else "",
        "prompts": [(prompt, SOURCE_WORDS[prompt.source]) for prompt in prompts[:SHOWN_PROMPTS]],
        "more_prompts": max(0, len(prompts) - SHOWN_PROMPTS),
        "tensors": tensors[:SHOWN_TENSORS],
        "facts": option_lines(report.facts),
    }


def _failed_first(gate: Gate) -> bool:
    return gate.passed


def _kl(prompt: PromptReport) -> float:
    """What is not finite is the worst."""
    return math.inf if prompt.kl is None else prompt.kl
