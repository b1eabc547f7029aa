"""Sample answers: what the model in training says to a few fixed prompts, greedily and all at once."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from finetune_app.jobs.events import Answer
from workers.child import stop_if_asked
from workers.evaluator.encoding import ScoredRow, stop_tokens
from workers.evaluator.measure import greedy
from workers.out_of_memory import in_halves

MARGIN_TOKENS = 8  # an answer that goes on after the expected one should be seen to do so
MAX_NEW_TOKENS = 128
MOST_CHARACTERS = 2000  # of each text: it is for people to compare


class Samples:
    """Answers `rows` whenever it is asked; `seconds` is what the last time took, None before."""

    def __init__(self, rows: Sequence[ScoredRow], tokenizer: Any, model: Any) -> None:
        self._rows, self._tokenizer = rows, tokenizer
        self.seconds: float | None = None
        if rows:
            longest = max(len(row.answer) for row in rows)
            stops = stop_tokens(tokenizer, model, rows)
            self._generation = greedy(stops, tokenizer.pad_token_id, min(longest + MARGIN_TOKENS, MAX_NEW_TOKENS))

    def answers(self, model: Any) -> list[Answer]:
        """What `model`, which is in evaluation mode, answers; in the order of the rows."""
        if not self._rows:
            return []
        start = time.monotonic()
        batches = in_halves(self._rows, len, lambda rows: self._texts(model, rows))
        texts = [text for _, found in batches for text in found]
        self.seconds = time.monotonic() - start
        return [
            Answer(prompt=_cut(row.question), expected=_cut(row.expected.strip()), answer=_cut(text.strip()))
            for row, text in zip(self._rows, texts, strict=True)
        ]

    def _texts(self, model: Any, rows: Sequence[ScoredRow]) -> list[str]:
        inputs = _left_padded([row.prompt for row in rows], self._tokenizer.pad_token_id, model.device)
        output = model.generate(
            **inputs, generation_config=self._generation, stopping_criteria=StoppingCriteriaList([_Asked()])
        )
        found: list[str] = self._tokenizer.batch_decode(
            output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        return found


class _Asked(StoppingCriteria):
    """Between two tokens a stop does no harm."""

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_more: Any) -> torch.Tensor:  # noqa: ARG002
        stop_if_asked()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def _left_padded(sequences: Sequence[list[int]], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    width = max(len(sequence) for sequence in sequences)
    ids = [[pad] * (width - len(sequence)) + sequence for sequence in sequences]
    mask = [[0] * (width - len(sequence)) + [1] * len(sequence) for sequence in sequences]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
