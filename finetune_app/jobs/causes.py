"""Why a job failed: every cause that Graft knows, its stable code and its one sentence. Pure.

A child ends with an `ErrorEvent` that names one of these codes; the supervisor adds those that a child cannot report.
"""

from enum import StrEnum


class Cause(StrEnum):
    """The stable codes; REST shows them as `cause.code`."""

    OUT_OF_MEMORY = "out_of_memory"
    BAD_ROWS = "bad_rows"
    LOSS_NOT_FINITE = "loss_not_finite"
    ZERO_GRADIENT = "zero_gradient"
    NOTHING_TO_TRAIN = "nothing_to_train"
    ANSWERS_CUT = "answers_cut"
    BASE_CHANGED = "base_changed"
    CODE_NOT_ALLOWED = "code_not_allowed"
    BAD_TARGET_MODULES = "bad_target_modules"
    OPTIONS_UNFIT = "options_unfit"
    TOKENIZER_SIZE = "tokenizer_size"
    PRECISION_UNSUPPORTED = "precision_unsupported"
    ADAPTER_DIFFERS = "adapter_differs"
    TEMPLATE_MISSING = "template_missing"
    ASSISTANT_UNKNOWN = "assistant_unknown"
    MERGE_UNFIT = "merge_unfit"
    EXPORT_UNFIT = "export_unfit"
    SENDING_REFUSED = "sending_refused"
    FILES_MISSING = "files_missing"
    DISK_FULL = "disk_full"
    WORKER_LOST = "worker_lost"
    KILLED = "killed"
    CRASHED = "crashed"


SENTENCES: dict[Cause, str] = {
    Cause.OUT_OF_MEMORY: "The worker ran out of memory. Lower the batch size or the max length, or switch on gradient "
    "checkpointing or nf4.",
    Cause.BAD_ROWS: "The dataset has rows that cannot be trained on.",
    Cause.LOSS_NOT_FINITE: "The loss became infinite or not a number. Lower the learning rate.",
    Cause.ZERO_GRADIENT: "The gradient was exactly 0 for several steps, so nothing was being learned.",
    Cause.NOTHING_TO_TRAIN: "No row has a token to learn from: every answer was cut off or masked. Raise the "
    "max length.",
    Cause.ANSWERS_CUT: "The max length cuts off all that could be learned from some of the rows.",
    Cause.BASE_CHANGED: "The base model's files differ from its registered digests.",
    Cause.CODE_NOT_ALLOWED: "The base model is built by Python of its own, which no admin has allowed for this "
    "revision. Ask one to look at it on the revision's page.",
    Cause.BAD_TARGET_MODULES: "The base model has none of the chosen target modules.",
    Cause.OPTIONS_UNFIT: "Options name modules, layers or tokens that the base model does not have.",
    Cause.TOKENIZER_SIZE: "The tokenizer has tokens that the base model has no embedding for.",
    Cause.PRECISION_UNSUPPORTED: "The worker cannot load the base model in this precision.",
    Cause.ADAPTER_DIFFERS: "The adapter version to continue from does not fit the adapter that the options make.",
    Cause.TEMPLATE_MISSING: "The base model has no chat template, so chat rows cannot be written as text.",
    Cause.ASSISTANT_UNKNOWN: "The chat template does not show which parts are the assistant's, so the loss cannot be "
    "kept to them.",
    Cause.MERGE_UNFIT: "The adapter cannot be merged into this base.",
    Cause.EXPORT_UNFIT: "The merged model cannot be exported like this.",
    Cause.SENDING_REFUSED: "The place that the merged model was to be sent to did not take it.",
    Cause.FILES_MISSING: "A file that the job needs is not in the storage.",
    Cause.DISK_FULL: "The worker's disk is full.",
    Cause.WORKER_LOST: "The worker stopped answering while the job ran, and so did the next one that tried.",
    Cause.KILLED: "The training process was killed from outside, most often because the machine ran out of memory.",
    Cause.CRASHED: "The training process ended with an error; the log shows it.",
}

TASK_SENTENCES: dict[Cause, str] = SENTENCES | {
    Cause.OUT_OF_MEMORY: "The worker ran out of memory.",
    Cause.FILES_MISSING: "A file that this needs is not in the storage.",
    Cause.KILLED: "The process was killed from outside, most often because the machine ran out of memory.",
    Cause.CRASHED: "The process ended with an error; the worker's log shows it.",
}
"""The same of what workers do besides training."""
