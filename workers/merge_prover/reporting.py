"""From what was found to `MergeReport`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from finetune_app.merges.gates import Measurements, gates_of, verdict_of
from finetune_app.merges.report import Losses, MergeReport, PromptReport, Way
from finetune_app.merges.states import Onto, WeightsDtype
from workers.merge_prover.measured import Measured
from workers.merge_prover.prompts import Prompt
from workers.merge_prover.tensors import TensorFindings


@dataclass
class Findings:
    """All that was found.

    Attributes:
        base: the base's own losses.
        adapter: of base with adapter, the reference; beside it the base (KL(adapter ‖ base)).
        merged: beside the reference.
        ways: beside the base in 4 bits with the adapter.
    """

    prompts: Sequence[Prompt]
    tensors: TensorFindings
    adapter_tensors: int
    used: int
    reference: str
    base: Measured
    adapter: Measured
    merged: Measured
    ways: dict[Onto, Measured] = field(default_factory=dict)
    load_problems: list[str] = field(default_factory=list)
    tokenizer_differences: list[str] = field(default_factory=list)


def make_report(found: Findings, dtype: WeightsDtype, facts: dict[str, Any]) -> MergeReport:
    """The report with gates and verdict."""
    gates = gates_of(_measurements(found, dtype))
    ways = [_way(found, onto, measured) for onto, measured in sorted(found.ways.items())]
    measured_ways = [way for way in ways if way.kl is not None]
    return MergeReport(
        verdict=verdict_of(gates),
        gates=gates,
        prompts=[_prompt(found, index) for index in range(len(found.prompts))],
        tensors=found.tensors.changed,
        untouched=found.tensors.untouched,
        positions=sum(prompt.positions for prompt in found.prompts),
        top1=found.merged.top1(),
        kl=found.merged.kl(),
        worst_kl=found.merged.worst_kl(),
        effect=found.adapter.kl(),
        max_logit_difference=found.merged.difference,
        losses=_losses(found),
        ways=ways,
        closest=min(measured_ways, key=lambda way: way.kl or 0.0).onto if len(measured_ways) > 1 else None,
        reference=found.reference,
        facts=facts,
    )


def _measurements(found: Findings, dtype: WeightsDtype) -> Measurements:
    tensors = found.tensors
    return Measurements(
        dtype=dtype,
        load_problems=found.load_problems,
        tokenizer_differences=found.tokenizer_differences,
        adapter_tensors=found.adapter_tensors,
        used=found.used,
        untouched=tensors.untouched,
        not_identical=tensors.not_identical,
        tensors=tensors.tensors,
        not_finite=tensors.not_finite,
        changed=tensors.changed,
        logit_distance=found.merged.distance,
        top1=found.merged.top1(),
        kl=found.merged.kl(),
        effect=found.adapter.kl(),
    )


def _prompt(found: Findings, index: int) -> PromptReport:
    prompt = found.prompts[index]
    return PromptReport(
        source=prompt.source,
        text=prompt.text,
        positions=prompt.positions,
        kl=found.merged.kl(index),
        worst_kl=found.merged.worst_kl(index),
        effect=found.adapter.kl(index),
        top1=found.merged.top1(index),
    )


def _losses(found: Findings) -> Losses | None:
    """On held-out rows; where there are none, on the others."""
    for source in ("held_out", "rows"):
        indices = [index for index, prompt in enumerate(found.prompts) if prompt.source == source]
        if indices:
            return Losses(
                rows=len(indices),
                source=source,
                base=found.base.loss(indices),
                adapter=found.adapter.loss(indices),
                merged=found.merged.loss(indices),
            )
    return None


def _way(found: Findings, onto: Onto, measured: Measured) -> Way:
    indices = [index for index, prompt in enumerate(found.prompts) if prompt.has_answer]
    return Way(
        onto=onto,
        kl=measured.kl(),
        worst_kl=measured.worst_kl(),
        top1=measured.top1(),
        loss=measured.loss(indices) if indices else None,
    )
