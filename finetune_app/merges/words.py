"""What pages say of merges: options, phases, gates, and what to do when one failed. Pure."""

from dataclasses import dataclass

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from finetune_app.merges.report import Gate, GateName
from finetune_app.merges.states import Onto, WeightsDtype
from finetune_app.work.states import CANCELLED

DTYPE_WORDS = {
    WeightsDtype.BFLOAT16: "bfloat16: 2 bytes a weight, the range of float32",
    WeightsDtype.FLOAT16: "float16: 2 bytes a weight, finer, but no large numbers",
    WeightsDtype.FLOAT32: "float32: 4 bytes a weight, nothing is rounded away",
}
ONTO_WORDS = {
    Onto.ORIGINAL: "The original weights",
    Onto.QUANTIZED: "The weights as they were in 4 bits",
}
SOURCE_WORDS = {  # of a prompt
    "held_out": "a held-out row",
    "rows": "a row of the dataset",
    "general": "a general prompt",
}
PHASE_WORDS = {
    Phase.PREPARING: "Laying out base and adapter",
    Phase.LOADING: "Loading base and adapter",
    Phase.MERGING: "Adding the change to the base, tensor by tensor",
    Phase.PROVING: "Comparing the merged model with base and adapter",
    Phase.SAVING: "Storing the files",
}
BYTES = (Phase.MERGING, Phase.SAVING)  # what these count
GATE_WORDS = {
    GateName.LOADS_WHOLE: ("Tensors that plain transformers missed or did not know when it loaded the files", "number"),
    GateName.TOKENIZER_SAME: ("Differences between its tokenizer and the one that the adapter learned with", "number"),
    GateName.EVERY_TENSOR_USED: ("Every tensor of the adapter found its place", "share"),
    GateName.UNTOUCHED_IDENTICAL: ("What the adapter does not touch is the base's, byte for byte", "share"),
    GateName.ALL_FINITE: ("All weights and answers are finite numbers", "share"),
    GateName.LOGITS_CLOSE: ("Largest difference between logits", "number"),
    GateName.TOP1_AGREEMENT: ("Same most likely token as base with adapter", "share"),
    GateName.MEAN_KL: ("Mean KL divergence from base with adapter, in nats per token", "number"),
    GateName.KL_OF_EFFECT: ("That divergence, as a part of what the adapter changes", "share"),
    GateName.DELTA_RETENTION: ("How much of the change is left, of what rounding can leave (worst tensor)", "share"),
    GateName.DELTA_ERROR: ("Distance from the sum rounded once, as a part of the change (worst tensor)", "share"),
}
ADVICE = {
    CANCELLED: "Nothing was kept. Try again to merge with the same options.",
    Cause.OUT_OF_MEMORY: "The proof holds one whole model at a time. Try again on a worker with more memory, or "
    "when nothing else runs on this one.",
    Cause.KILLED: "Most often the machine ran out of memory. Try again when nothing else runs on it.",
    Cause.MERGE_UNFIT: "Another try would end the same way. Use the adapter beside its base, or train one without the "
    "option that cannot be merged.",
    Cause.BASE_CHANGED: "Try again: the files are taken from the storage anew. If it fails once more, the storage's "
    "own copy is damaged.",
    Cause.FILES_MISSING: "Take the storage back from a backup, then try again.",
    Cause.DISK_FULL: "Make room on the worker, for twice the base's size, then try again.",
    Cause.CODE_NOT_ALLOWED: "Once an admin has allowed the base's code, try again.",
    "base_code_not_allowed": "Once an admin has allowed the base's code, try again.",
}
OTHER_ADVICE = "Try again. If it fails once more, the worker's log says more."


@dataclass(frozen=True)
class GateLine:
    """One gate for people."""

    name: str
    title: str
    value: str
    limit: str
    passed: bool
    detail: str

    @classmethod
    def of(cls, gate: Gate) -> "GateLine":
        """The gate in words."""
        title, kind = GATE_WORDS[gate.name]
        value = "not measured" if gate.value is None else _text(gate.value, kind)
        return cls(gate.name, title, value, f"at {gate.at} {_text(gate.limit, kind)}", gate.passed, gate.detail)


def phase_words(phase: str) -> str:
    """What the worker does now."""
    return PHASE_WORDS.get(Phase(phase), "Working on it") if phase else PHASE_WORDS[Phase.PREPARING]


def advice_for(error_code: str) -> str:
    """What a person does next about a merge that failed."""
    return ADVICE.get(error_code, OTHER_ADVICE)


def _text(value: float, kind: str) -> str:
    if kind == "number":
        return f"{value:.3g}"
    return f"{100 * value:.4g}\u00a0%"
