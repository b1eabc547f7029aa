"""What a dataset's rows are called and what they become. Pure; imported through `formats.py`."""

from enum import StrEnum
from typing import Any, Literal, get_args

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]
ROLES = frozenset(get_args(Role))


class FileFormat(StrEnum):
    """How the rows lie in a stored file. New versions are JSONL; older ones may be one JSON array."""

    JSONL = "jsonl"
    JSON = "json"


class RowForm(StrEnum):
    """What a row looks like."""

    CHAT = "chat"  # {"messages": [{"role", "content", "tool_calls"?}, ...], "tools"?}
    SHAREGPT = "sharegpt"  # {"conversations": [{"from", "value"}, ...], "tools"?}
    INSTRUCTION = "instruction"  # {"instruction", "input"?, "output"} (Alpaca)
    PROMPT_COMPLETION = "prompt_completion"  # {"prompt", "completion"}: strings or message lists
    TEXT = "text"  # {"text"}: continued pretraining
    PREFERENCE = "preference"  # {"chosen", "rejected", "prompt"?}: strings, messages or message lists
    KTO = "kto"  # {"prompt", "completion", "label": true or false}


class Split(StrEnum):
    """Which part of the dataset a row names for itself by its `split` key."""

    TRAIN = "train"
    HELD_OUT = "held_out"


# What people call the two parts; every other name makes a bad row.
SPLIT_NAMES = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "held_out": Split.HELD_OUT,
    "validation": Split.HELD_OUT,
    "valid": Split.HELD_OUT,
    "val": Split.HELD_OUT,
    "dev": Split.HELD_OUT,
    "eval": Split.HELD_OUT,
    "test": Split.HELD_OUT,
}

ToolCall = dict[str, Any]
Tool = dict[str, Any]


# msgspec structs instead of dataclasses: the JSONL reader decodes straight into them, three times as fast.
class Message(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One turn of a conversation."""

    role: Role
    content: str


class ToolMessage(Message, frozen=True, gc=False):
    """A turn that calls tools, or the result of a call.

    `tool_calls` are {"type": "function", "id"?, "function": {"name", "arguments"}}, the arguments as an object.
    """

    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


class TrainingRow(Struct, frozen=True):
    """A good row, whatever its form was.

    Chat-like forms: `prompt` holds all messages before the last answer, `completion` that answer, `text` is "". An
    answer that calls tools has them in `answer_calls`, and `completion` may then be "".
    `RowForm.TEXT`: `prompt` is empty, `completion` is "", `text` holds the text.
    `RowForm.PREFERENCE`: `completion` is the chosen answer, `rejected` the other one; `prompt` may be empty.
    `RowForm.KTO`: `label` says whether `completion` is a good answer; it is None in every other form.
    """

    number: int
    prompt: list[Message]
    completion: str
    text: str
    split: Split | None
    answer_calls: tuple[ToolCall, ...] = ()
    tools: tuple[Tool, ...] = ()
    rejected: str = ""
    label: bool | None = None


class BadRow(Struct, frozen=True):
    """A row that cannot be trained on: its number in its file, a sentence for people and a stable code.

    `text` is its raw text, cut; `file` the name of its file where several were uploaded; `keys` are those of a row
    whose form nobody knows.
    """

    number: int
    reason: str
    code: str
    text: str = ""
    file: str = ""
    keys: tuple[str, ...] = ()
