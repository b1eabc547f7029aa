"""One decoded row of any form becomes a training row, or a bad row with the reason. Pure."""

from collections.abc import Mapping
from typing import Any

from finetune_app.datasets.bad_row_error import RowError, show
from finetune_app.datasets.row_types import (
    SPLIT_NAMES,
    BadRow,
    Message,
    RowForm,
    Split,
    ToolCall,
    ToolMessage,
    TrainingRow,
)
from finetune_app.datasets.tool_use import tools_of
from finetune_app.datasets.turns import message_of, messages_of

# The keys that tell a form; where a row has those of several, the first form counts.
MARKS: dict[RowForm, tuple[str, ...]] = {
    RowForm.PREFERENCE: ("chosen", "rejected"),
    RowForm.KTO: ("prompt", "completion", "label"),
    RowForm.CHAT: ("messages",),
    RowForm.SHAREGPT: ("conversations",),
    RowForm.INSTRUCTION: ("instruction",),
    RowForm.PROMPT_COMPLETION: ("prompt",),
    RowForm.TEXT: ("text",),
}
LABELS = {"true": True, "1": True, "false": False, "0": False}
KEYS_NAMED = 8


def form_of(value: Any) -> RowForm | None:
    """The form of a decoded row, None when it has none that Graft knows."""
    if not isinstance(value, Mapping):
        return None
    for form in MARKS:
        # A label that is a word, a class, makes no preference of a prompt and its completion.
        if has_form(value, form) and (form is not RowForm.KTO or isinstance(value["label"], bool)):
            return form
    return None


def has_form(value: Mapping[str, Any], form: RowForm) -> bool:
    """Whether the row has the keys that tell this form."""
    return all(mark in value for mark in MARKS[form])


def normalise(number: int, value: Any, form: RowForm | None) -> TrainingRow | BadRow:
    """Row `number` as training row; `form` is that of the file, None while no row before had one."""
    try:
        row, known = _check_form(value, form)
        return _READERS[known](number, row, _split(row))
    except RowError as bad:
        keys = tuple(str(key) for key in value) if bad.code == "unknown_form" else ()
        return BadRow(number, bad.reason, bad.code, keys=keys)
    except RecursionError:
        return BadRow(number, "The row is nested too deeply.", "too_deep")


def _check_form(value: Any, form: RowForm | None) -> tuple[Mapping[str, Any], RowForm]:
    if not isinstance(value, Mapping):
        raise RowError("not_an_object", f"The row is {show(value)}, not an object with keys.")
    if form is not None and has_form(value, form):
        return value, form
    own = form_of(value)
    if own is None:
        keys = ", ".join(show(key) for key in list(value)[:KEYS_NAMED]) or "no keys at all"
        marks = ", ".join(f"“{mark}”" for mark in dict.fromkeys(marks[0] for marks in MARKS.values()))
        raise RowError("unknown_form", f"The row has none of the keys {marks}; it has {keys}.")
    if form is None:
        return value, own
    raise RowError("other_form", f"The row has the form “{own}”, but the file is read as “{form}”.")


def _messages_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    return _conversation(number, row, messages_of(row["messages"], "messages"), split)


def _sharegpt_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    return _conversation(number, row, messages_of(row["conversations"], "conversations", older=True), split)


def _instruction_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    return _pair(number, row, _instruction(row), _answer(row, "output"), split)


def _prompt_completion_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    prompt = _prompt(row)
    if not isinstance(row.get("completion"), list):
        return _pair(number, row, prompt, _answer(row, "completion"), split)
    answer = messages_of(row["completion"], "completion", older=None)
    if len(answer) != 1:
        raise RowError("no_answer", f"“completion” must hold exactly one message, the answer; it holds {len(answer)}.")
    return _conversation(number, row, prompt + answer, split)


def _text_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    text = _string(row, "text")
    if not text.strip():
        raise RowError("empty_text", "“text” is empty.")
    return TrainingRow(number, [], "", text, split)


def _preference_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    before, chosen = _judged(row, "chosen")
    before_rejected, rejected = _judged(row, "rejected")
    if before != before_rejected:
        raise RowError("no_common_prompt", "“chosen” and “rejected” do not answer the same conversation.")
    asked = _asked(row)
    # Some files repeat the prompt at the beginning of both answers.
    prompt = before if asked == before[len(before) - len(asked) :] else asked + before
    return TrainingRow(number, _with_system(row, prompt), chosen, "", split, tools=tools_of(row), rejected=rejected)


def _kto_row(number: int, row: Mapping[str, Any], split: Split | None) -> TrainingRow:
    label = row["label"]
    known = LABELS.get(str(label).lower()) if isinstance(label, (bool, int, str)) else None
    if known is None:
        raise RowError("unknown_label", f"“label” is {show(label)}; it must be true or false.")
    found = _prompt_completion_row(number, row, split)
    return TrainingRow(number, found.prompt, found.completion, "", split, found.answer_calls, found.tools, label=known)


_READERS = {
    RowForm.CHAT: _messages_row,
    RowForm.SHAREGPT: _sharegpt_row,
    RowForm.INSTRUCTION: _instruction_row,
    RowForm.PROMPT_COMPLETION: _prompt_completion_row,
    RowForm.TEXT: _text_row,
    RowForm.PREFERENCE: _preference_row,
    RowForm.KTO: _kto_row,
}


def _conversation(number: int, row: Mapping[str, Any], messages: list[Message], split: Split | None) -> TrainingRow:
    if not messages:
        raise RowError("no_answer", f"The row has no messages, so there is no answer to learn.{_preference(row)}")
    last = messages[-1]
    if last.role != "assistant":
        raise RowError(
            "no_answer",
            f"The last message is from “{last.role}”, not from the assistant, so there is no answer to learn."
            f"{_preference(row)}",
        )
    calls = last.tool_calls if isinstance(last, ToolMessage) else ()
    if not last.content.strip() and not calls:
        raise RowError("no_answer", "The last message, the answer, is empty.")
    return _pair(number, row, messages[:-1], last.content, split, calls=calls)


def _pair(
    number: int,
    row: Mapping[str, Any],
    prompt: list[Message],
    completion: str,
    split: Split | None,
    *,
    calls: tuple[ToolCall, ...] = (),
) -> TrainingRow:
    tools = tools_of(row)
    if not any(message.content.strip() for message in prompt):
        raise RowError("no_prompt", "There is nothing before the answer.")
    return TrainingRow(number, _with_system(row, prompt), completion, "", split, calls, tools)


def _with_system(row: Mapping[str, Any], prompt: list[Message]) -> list[Message]:
    system = _string(row, "system", optional=True)
    if system.strip() and not (prompt and prompt[0].role == "system"):
        return [Message("system", system), *prompt]
    return prompt


def _judged(row: Mapping[str, Any], key: str) -> tuple[list[Message], str]:
    """An answer of a preference: the messages before it, where it is a conversation, and the answer itself."""
    value = row[key]
    if isinstance(value, str):
        messages = [Message("assistant", value)]
    elif isinstance(value, Mapping):
        messages = [message_of(value, f"“{key}”", older=None)]
    else:
        messages = messages_of(value, key, older=None)
    if not messages or messages[-1].role != "assistant" or not messages[-1].content.strip():
        raise RowError("no_answer", f"“{key}” does not end with an answer of the assistant.")
    return messages[:-1], messages[-1].content


def _asked(row: Mapping[str, Any]) -> list[Message]:
    """What a preference says before its answers; nothing, where the answers hold it."""
    if row.get("prompt") is not None:
        return _prompt(row)
    if row.get("conversations") is not None:
        return messages_of(row["conversations"], "conversations", older=True)
    if row.get("instruction") is not None:
        return _instruction(row)
    return []


def _prompt(row: Mapping[str, Any]) -> list[Message]:
    if isinstance(row["prompt"], list):
        return messages_of(row["prompt"], "prompt", older=None)
    return [Message("user", _string(row, "prompt"))]


def _instruction(row: Mapping[str, Any]) -> list[Message]:
    question = [_string(row, "instruction"), _string(row, "input", optional=True)]
    prompt = _history(row)
    prompt.append(Message("user", "\n\n".join(part for part in question if part.strip())))
    return prompt


def _history(row: Mapping[str, Any]) -> list[Message]:
    """Earlier turns of an instruction row: `history`, a list of [question, answer]."""
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise RowError("wrong_type", f"“history” is {show(turns)}, not a list of [question, answer].")
    messages: list[Message] = []
    for position, turn in enumerate(turns, start=1):
        match turn:
            case [str(question), str(answer)]:
                messages += [Message("user", question), Message("assistant", answer)]
            case _:
                raise RowError("wrong_type", f"Turn {position} of “history” is not [question, answer], two texts.")
    return messages


def _answer(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        raise RowError("no_answer", f"“{key}” is missing, so there is no answer to learn.{_preference(row)}")
    answer = _string(row, key)
    if not answer.strip():
        raise RowError("no_answer", f"“{key}” is empty, so there is no answer to learn.")
    return answer


def _string(row: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = row.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise RowError("wrong_type", f"“{key}” is {show(value)}, not a text.")
    return value


def _split(row: Mapping[str, Any]) -> Split | None:
    value = row.get("split")
    if value is None or value == "":
        return None
    found = SPLIT_NAMES.get(value) if isinstance(value, str) else None
    if found is None:
        raise RowError(
            "unknown_split",
            f"“split” is {show(value)}; it must be “train” or “held_out”, or “validation”, “test” and the like.",
        )
    return found


def _preference(row: Mapping[str, Any]) -> str:
    return " Rows with “chosen” and “rejected” answers belong into a file of their own." if "chosen" in row else ""
