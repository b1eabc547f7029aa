"""What pages say of exports: their kinds, options, phases, and what to do when one failed. Pure."""

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from finetune_app.merges.export_options import GgufType, QuantizedScheme
from finetune_app.merges.states import ExportKind
from finetune_app.work.states import CANCELLED

KIND_WORDS = {
    ExportKind.GGUF: ("GGUF", "One file for llama.cpp and all that is built on it: weights, tokenizer and template."),
    ExportKind.QUANTIZED: (
        "int8 or int4",
        "The linear layers in 8 or 4 bits, for vLLM and transformers. What it costs is measured afterwards.",
    ),
    ExportKind.HUB: ("Hugging Face hub", "The files in a repository there, sent with the workspace's token."),
    ExportKind.OCI: ("OCI image", "One tar with an OCI image layout, for container registries and volumes."),
    ExportKind.FOLDER: ("Folder", "The files in a folder or a bucket that the administrator named."),
}
TYPE_WORDS: dict[str, str] = {
    GgufType.F16: "F16: 16 bits, float16",
    GgufType.BF16: "BF16: 16 bits, as most models were trained",
    GgufType.Q8_0: "Q8_0: 8.5 bits a weight, hardly to be told from 16",
    GgufType.Q6_K: "Q6_K: 6.6 bits a weight",
    GgufType.Q5_K_M: "Q5_K_M: 5.7 bits a weight",
    GgufType.Q4_K_M: "Q4_K_M: 4.9 bits a weight, the usual compromise",
    GgufType.Q3_K_M: "Q3_K_M: 3.9 bits a weight, answers get worse",
    GgufType.Q2_K: "Q2_K: 3.4 bits a weight, only where nothing else fits",
}
SCHEME_WORDS: dict[str, str] = {
    QuantizedScheme.INT8: "int8: half the size, answers hardly change",
    QuantizedScheme.INT4: "int4: a third of the size; large models bear it, small ones lose much",
}
PHASE_WORDS = {
    Phase.PREPARING: "Laying out the merged model",
    Phase.READING: "Reading the files",
    Phase.LOADING: "Loading the merged model",
    Phase.CONVERTING: "Converting, tensor by tensor",
    Phase.PROVING: "Comparing what came out with the merged model",
    Phase.SENDING: "Sending the files",
    Phase.SAVING: "Storing the files",
}
ADVICE = {
    CANCELLED: "Nothing was kept here. Try again to export with the same options.",
    Cause.OUT_OF_MEMORY: "Try again on a worker with more memory, or when nothing else runs on this one.",
    Cause.KILLED: "Most often the machine ran out of memory. Try again when nothing else runs on it.",
    Cause.EXPORT_UNFIT: "Another try would end the same way. Choose another kind of export.",
    Cause.SENDING_REFUSED: "Mend what it says, then try again: what arrived already is not sent twice.",
    Cause.FILES_MISSING: "Take the storage back from a backup, then try again.",
    Cause.DISK_FULL: "Make room, then try again.",
}
OTHER_ADVICE = "Try again. If it fails once more, the worker's log says more."
BYTES = (Phase.READING, Phase.SENDING, Phase.SAVING)


def title_of_kind(kind: str) -> str:
    """The kind in a word or two."""
    return KIND_WORDS[ExportKind(kind)][0]


def phase_words(phase: str) -> str:
    """What the worker does now."""
    return PHASE_WORDS.get(Phase(phase), "Working on it") if phase else PHASE_WORDS[Phase.PREPARING]


def advice_for(error_code: str) -> str:
    """What a person does next about an export that failed."""
    return ADVICE.get(error_code, OTHER_ADVICE)


def options_in_words(options: dict[str, object]) -> str:
    """What tells an export from others of its kind: `Q8_0`, `int4`, `acme/support`."""
    return str(options.get("type") or options.get("scheme") or options.get("repository") or options.get("place") or "")
