"""From what the proof measured to gates and verdict: what each gate asks, with its limit and the reason for it. Pure.

A value that could not be measured, or is no number, passes no gate.

Retention. Rounding to bfloat16 loses a change that is small beside the weights however well it is added: measured on
normal weights and changes, of a change of 1 % of the weights (by norm) 0.9999 is left (projected on what was asked),
of 0.3 % 0.93, of 0.1 % 0.52 and of 0.03 % 0.17; float16 is at the same places with changes an eighth as large. Thin
layers of good adapters are that small, so no fixed share of the change is asked for. The gates ask whether as much is
left as rounding once can leave (`TensorReport.possible`), and whether what lies on disk is that rounding
(`TensorReport.off`). A right merge whose products were summed in another order is off by at most 2e-4; one that rounded
the change to bfloat16 before it added it by 0.02 to 0.07; one with a transposed change by about 1.4. Half the scale
leaves half of what is possible, a skipped layer nothing. Whether what rounding leaves is enough is the question of
`kl_of_effect`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from finetune_app.merges.report import Gate, GateName, TensorReport
from finetune_app.merges.states import Verdict, WeightsDtype

# Two tokens whose log-probabilities are this close (in nats) are a tie, and either is the first choice: 16-bit numbers
# do not tell them apart, where logits are around 20 their steps are 0.125.
TIE = 0.05
# Absolute, and relative to the largest logit of the position: rounding goes with the terms of a sum, not with what is
# left of them. Of 65 million logits of SmolLM2-135M, merged right, the worst differs by 4.4e-4, where the mean KL is
# 2e-11: by 1.7e-4 of itself, and by 1.4e-5 of the largest beside it.
CLOSE_LOGITS = 1e-4
MIN_TOP1 = 0.99
MAX_MEAN_KL = 0.01
MAX_OF_EFFECT = 0.1
# An adapter that changes less than this (nats per token) does almost nothing: a tenth of it is what rounding to
# bfloat16 does by itself (right merges into SmolLM2-135M: 2e-5 to 8e-5), so the tensors decide alone.
MIN_EFFECT = 1e-3
MIN_RETENTION = 0.95
TINY_RETENTION = 0.05  # where rounding leaves less, a quotient of two such numbers says nothing
MAX_OFF = 0.02


@dataclass(frozen=True)
class Measurements:
    """All that the gates look at.

    Attributes:
        dtype: of the merged weights.
        load_problems: tensors that plain transformers missed, did not know or could not fit when it loaded the model.
        tokenizer_differences: what of the merged model's tokenizer is not as it was for the adapter.
        adapter_tensors: how many tensors the adapter has.
        used: how many of them found their place.
        untouched: how many tensors the adapter does not touch.
        not_identical: those of them that are not the base's (or its cast), or not there.
        tensors: how many the merged model has.
        not_finite: those of them with a value that is no finite number.
        changed: those that the merge changed.
        logit_distance: the largest |merged - adapter| of a position over 1 + its largest |adapter|, over all positions.
        top1: share of positions at which the merged model's most likely token is the reference's, or ties with it.
        kl: mean KL(adapter ‖ merged).
        effect: mean KL(adapter ‖ base).
    """

    dtype: WeightsDtype
    load_problems: Sequence[str]
    tokenizer_differences: Sequence[str]
    adapter_tensors: int
    used: int
    untouched: int
    not_identical: Sequence[str]
    tensors: int
    not_finite: Sequence[str]
    changed: Sequence[TensorReport]
    logit_distance: float
    top1: float
    kl: float
    effect: float


def gates_of(found: Measurements) -> list[Gate]:
    """Every gate that this merged model has to pass, in the order in which people read them."""
    return [
        _at_most(GateName.LOADS_WHOLE, len(found.load_problems), 0, _named(found.load_problems)),
        _at_most(GateName.TOKENIZER_SAME, len(found.tokenizer_differences), 0, _named(found.tokenizer_differences)),
        _at_least(
            GateName.EVERY_TENSOR_USED,
            _share(found.used, found.adapter_tensors, empty=math.nan),
            1,
            f"{found.used} of {found.adapter_tensors}",
        ),
        _untouched(found),
        _at_least(
            GateName.ALL_FINITE,
            _share(found.tensors - len(found.not_finite), found.tensors, empty=math.nan),
            1,
            _named(found.not_finite),
        ),
        *_of_outputs(found),
        _retention(found.changed),
        _error(found.changed),
    ]


def verdict_of(gates: Sequence[Gate]) -> Verdict:
    """Verified when every gate is passed."""
    return Verdict.VERIFIED if gates and all(gate.passed for gate in gates) else Verdict.REJECTED


def kept_of_possible(tensor: TensorReport) -> float:
    """How much of the change is left, of what rounding can leave: 1 when all is well, less for too little and too much.

    Where rounding leaves next to nothing it is 1 minus the difference.
    """
    if tensor.retention is None or tensor.possible is None:
        return math.nan
    if abs(tensor.possible) < TINY_RETENTION:
        return 1 - abs(tensor.retention - tensor.possible)
    quotient = tensor.retention / tensor.possible
    return 1 / quotient if quotient > 1 else quotient


def _untouched(found: Measurements) -> Gate:
    same = found.untouched - len(found.not_identical)
    detail = _named(found.not_identical) or f"{same} of {found.untouched}"
    return _at_least(GateName.UNTOUCHED_IDENTICAL, _share(same, found.untouched, empty=1), 1, detail)


def _of_outputs(found: Measurements) -> list[Gate]:
    """Float32 has to give the same logits; what was rounded to 16 bits has to say the same."""
    if found.dtype is WeightsDtype.FLOAT32:
        how_close = [_at_most(GateName.LOGITS_CLOSE, found.logit_distance, CLOSE_LOGITS)]
    else:
        how_close = [
            _at_least(GateName.TOP1_AGREEMENT, found.top1, MIN_TOP1),
            _at_most(GateName.MEAN_KL, found.kl, MAX_MEAN_KL),
        ]
    return [*how_close, _of_effect(found.kl, found.effect)]


def _of_effect(kl: float, effect: float) -> Gate:
    """A merge that did nothing is as far from the adapter as the base is."""
    is_measured = math.isfinite(kl) and math.isfinite(effect)
    value = kl / max(effect, MIN_EFFECT) if is_measured else math.nan
    detail = "" if effect >= MIN_EFFECT else f"The adapter changes almost nothing: counted as {MIN_EFFECT:g}."
    return _at_most(GateName.KL_OF_EFFECT, value, MAX_OF_EFFECT, detail)


def _retention(changed: Sequence[TensorReport]) -> Gate:
    """Over the tensors that something was added to; an adapter without them (only replaced ones) passes."""
    kept = [(kept_of_possible(tensor), tensor) for tensor in changed if tensor.change == "added" and tensor.delta_norm]
    if not kept:
        return _at_least(GateName.DELTA_RETENTION, 1, MIN_RETENTION, "Nothing is added to any tensor.")
    value, worst = min(kept, key=lambda pair: _worst_first(-pair[0]))
    detail = worst.name
    if worst.retention is not None and worst.possible is not None:
        detail = f"{worst.name}: {worst.retention:.3f}, rounding leaves {worst.possible:.3f}"
    return _at_least(GateName.DELTA_RETENTION, value, MIN_RETENTION, detail)


def _error(changed: Sequence[TensorReport]) -> Gate:
    if not changed:
        return _at_most(GateName.DELTA_ERROR, 0, MAX_OFF, "No tensor is changed.")
    off = [(math.nan if tensor.off is None else tensor.off, tensor.name) for tensor in changed]
    value, name = min(off, key=lambda pair: _worst_first(pair[0]))
    return _at_most(GateName.DELTA_ERROR, value, MAX_OFF, name)


def _worst_first(badness: float) -> float:
    """Sorts what is no number before the largest."""
    return -math.inf if math.isnan(badness) else -badness


def _share(part: int, whole: int, *, empty: float) -> float:
    return part / whole if whole else empty


def _at_least(name: GateName, value: float, limit: float, detail: str = "") -> Gate:
    return Gate(
        name=name, value=value, limit=limit, at="least", passed=math.isfinite(value) and value >= limit, detail=detail
    )


def _at_most(name: GateName, value: float, limit: float, detail: str = "") -> Gate:
    return Gate(
        name=name, value=value, limit=limit, at="most", passed=math.isfinite(value) and value <= limit, detail=detail
    )


def _named(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - 1
    return "" if not names else names[0] + (f" and {more} more" if more else "")
