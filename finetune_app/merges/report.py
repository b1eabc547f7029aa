"""What the proof of a merged model measured, and the gates that decide its verdict. Pure.

KL divergences are in nats per token, over the positions that were compared; shares are 0 to 1. What was measured but is
not finite (a merged model whose logits are no numbers) is None, in Python and as null in JSON; whoever shows a measured
number has a sign for it. `gates.py` says what each gate asks, and why.
"""

import math
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from finetune_app.merges.states import Onto, Verdict

REPORT_NAME = "report.json"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


Measured = Annotated[float | None, AfterValidator(_finite)]
"""A measured number; None when it is not finite."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)


class GateName(StrEnum):
    """The stable names of the gates."""

    LOADS_WHOLE = "loads_whole"
    TOKENIZER_SAME = "tokenizer_same"
    EVERY_TENSOR_USED = "every_tensor_used"
    UNTOUCHED_IDENTICAL = "untouched_identical"
    ALL_FINITE = "all_finite"
    LOGITS_CLOSE = "logits_close"  # float32 only
    TOP1_AGREEMENT = "top1_agreement"
    MEAN_KL = "mean_kl"
    KL_OF_EFFECT = "kl_of_effect"
    DELTA_RETENTION = "delta_retention"
    DELTA_ERROR = "delta_error"


class Gate(_Frozen):
    """One condition: `value` must be at least, or at most, `limit`. None is what could not be measured."""

    name: GateName
    value: Measured
    limit: float
    at: Literal["least", "most"]
    passed: bool
    detail: str = ""


class TensorReport(_Frozen):
    """One tensor that the merge changed.

    Attributes:
        name: in the merged model's files.
        change: what happened to it: `added` to, `replaced`, or `new`.
        delta_norm: Frobenius norm of the change that the adapter asks for.
        weight_norm: of the weights that it was added to.
        retention: what is left of the change after rounding: the change read back from disk, projected on the one asked
            for (1: all of it). None where nothing is added.
        possible: the retention that rounding once, and right, leaves: the rest is lost to the dtype, not to a mistake.
        error: norm of the difference between the change read back and the one asked for, over `delta_norm`.
        off: norm of the difference between what lies on disk and the sum rounded once, over `delta_norm` (over the
            norm of the tensor itself where nothing is added): 0 unless something went wrong.
    """

    name: str
    change: Literal["added", "replaced", "new"]
    delta_norm: Measured = None
    weight_norm: Measured = None
    retention: Measured = None
    possible: Measured = None
    error: Measured = None
    off: Measured = None


class PromptReport(_Frozen):
    """One prompt; `source` says where it is from, `positions` how many tokens were compared.

    `kl` is KL(adapter ‖ merged), `effect` KL(adapter ‖ base), both means; `worst_kl` is that of one position.
    """

    source: Literal["held_out", "rows", "general"]
    text: str
    positions: int
    kl: Measured
    worst_kl: Measured
    effect: Measured
    top1: Measured


class Losses(_Frozen):
    """Mean loss of the answers' tokens that were compared, in nats, on held-out rows or, without any, others."""

    rows: int
    source: Literal["held_out", "rows"] = "held_out"
    base: Measured
    adapter: Measured
    merged: Measured


class Way(_Frozen):
    """A way to merge a QLoRA adapter, measured against the base in nf4 with the adapter, as it was trained."""

    onto: Onto
    kl: Measured
    worst_kl: Measured
    top1: Measured
    loss: Measured = None


class MergeReport(_Frozen):
    """The whole proof.

    Attributes:
        ways: both ways beside each other; empty when the adapter is no QLoRA adapter or one way only was asked for.
        closest: which of them is closer to the trained behaviour.
        reference: what the merged model was compared with, in words.
        facts: device, compute dtype, libraries, seconds and peak memory of merge and proof.
    """

    format: Literal[1] = 1
    verdict: Verdict
    gates: list[Gate]
    prompts: list[PromptReport]
    tensors: list[TensorReport]
    untouched: int
    positions: int
    top1: Measured
    kl: Measured
    worst_kl: Measured
    effect: Measured
    max_logit_difference: Measured
    losses: Losses | None = None
    ways: list[Way] = []
    closest: Onto | None = None
    reference: str
    facts: dict[str, str | int | float | dict[str, str] | None] = {}
