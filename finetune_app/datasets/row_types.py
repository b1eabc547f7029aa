"""What a dataset's rows are called and what they become. Pure; imported through `formats.py`."""

from enum import StrEnum
from typing import Literal, get_args

from msgspec import Struct

Role = Literal["system", "user", "assistant"]
ROLES = frozenset(get_args(Role))


class FileFormat(StrEnum):
    """How the rows lie in the file."""

    JSONL = "jsonl"
    JSON = "json"


class RowForm(StrEnum):
    """What a row looks like."""

    CHAT = "chat"  # {"messages": [{"role", "content"}, ...]}
    SHAREGPT = "sharegpt"  # {"conversations": [{"from", "value"}, ...]}
    INSTRUCTION = "instruction"  # {"instruction", "input"?, "output"} (Alpaca)
    PROMPT_COMPLETION = "prompt_completion"  # {"prompt", "completion"}: strings or message lists
    TEXT = "text"  # {"text"}: continued pretraining


class Split(StrEnum):
    """Which part of the dataset a row names for itself by its `split` key."""

    TRAIN = "train"
    HELD_OUT = "held_out"


# msgspec structs instead of dataclasses: the JSONL reader decodes straight into them, three times as fast.
class Message(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One turn of a conversation."""

    role: Role
    content: str


class TrainingRow(Struct, frozen=True):
    """A good row, whatever its form was.

    Chat-like forms: `prompt` holds all messages before the last answer, `completion` that answer, `text` is "".
    `RowForm.TEXT`: `prompt` is empty, `completion` is "", `text` holds the text.
    """

    number: int
    prompt: list[Message]
    completion: str
    text: str
    split: Split | None


class BadRow(Struct, frozen=True):
    """A row that cannot be trained on: a sentence for people and a stable code."""

    number: int
    reason: str
    code: str
