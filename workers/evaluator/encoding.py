"""Held-out rows as tokens, split into what the model is given and what it should answer, the same way trl does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.datasets.template_messages import answer_messages, prompt_messages
from workers.spec import RunSpec


@dataclass(frozen=True)
class ScoredRow:
    """One row: `prompt` is what the model answers to, `given` + `answer` what its loss is measured on (token ids)."""

    question: str
    expected: str
    prompt: list[int]
    given: list[int]
    answer: list[int]


def encode_rows(rows: Iterable[TrainingRow], spec: RunSpec, tokenizer: Any) -> list[ScoredRow]:
    """The rows whose answer begins within the max length; as in training, what is longer is cut off at the end."""
    encode = _encode_text if spec.row_form is RowForm.TEXT else _encode_chat
    encoded = (encode(row, tokenizer, spec.config.max_length) for row in rows)
    return [row for row in encoded if row.answer]


def stop_tokens(tokenizer: Any, model: Any, rows: Sequence[ScoredRow]) -> list[int]:
    """What ends an answer: the end tokens of tokenizer and model, and the special token that the template adds."""
    own = model.generation_config.eos_token_id
    stops = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    special = set(tokenizer.all_special_ids)
    for row in rows[:1]:
        content = len(tokenizer(row.expected, add_special_tokens=False)["input_ids"])
        stops.update(token for token in row.answer[content : content + 1] if token in special)
    return sorted(token for token in stops if token is not None)


def _encode_chat(row: TrainingRow, tokenizer: Any, max_length: int) -> ScoredRow:
    messages = prompt_messages(row)
    prompt = _tokens(tokenizer, messages, add_generation_prompt=True)
    whole = _tokens(tokenizer, [*messages, *answer_messages(row)])
    # The answer starts where both renderings part, which is not always after the prompt.
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, whole, strict=False)))
    questions = [message.content for message in row.prompt if message.role == "user"]
    return ScoredRow(
        question=questions[-1] if questions else row.prompt[-1].content,
        expected=row.completion,
        prompt=prompt,
        given=whole[:start],
        answer=whole[start:max_length],
    )


def _encode_text(row: TrainingRow, tokenizer: Any, max_length: int) -> ScoredRow:
    text = row.text if row.text.endswith(tokenizer.eos_token) else row.text + tokenizer.eos_token
    tokens = list(tokenizer(text)["input_ids"])[:max_length]
    # The first token has nothing before it that could foretell it.
    return ScoredRow(question=row.text, expected="", prompt=[], given=tokens[:1], answer=tokens[1:])


def _tokens(tokenizer: Any, messages: list[dict[str, str]], *, add_generation_prompt: bool = False) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, add_generation_prompt=add_generation_prompt
    )
    return list(rendered["input_ids"])
