"""One model on the held-out rows: what it would have said (teacher-forced loss and accuracy) and what it says (greedy).

Rows are sorted by length and padded on the left, so that all answers end in the same column.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig

from workers.encoding import MASKED
from workers.evaluator.encoding import ScoredRow

ROWS_PER_BATCH = 16


@dataclass(frozen=True)
class Batching:
    """How many rows go through the model at once: few enough for the memory that training also had."""

    token_budget: int

    def batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Indices of rows, longest rows first, so that a lack of memory shows in the first batch."""
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
        while order:
            size = max(1, min(ROWS_PER_BATCH, self.token_budget // max(1, lengths[order[0]])))
            yield order[:size]
            order = order[size:]


@dataclass(frozen=True)
class TeacherForced:
    """Mean loss in nats per answer token, and the share of answer tokens that were the model's first choice."""

    loss: float
    token_accuracy: float


def teacher_forced(
    model: Any, rows: Sequence[ScoredRow], pad: int, batching: Batching, on_rows: Callable[[int], None]
) -> TeacherForced:
    """Score the answers' tokens, each given the right tokens before it; `on_rows` gets the rows of each batch."""
    loss, correct, count = 0.0, 0, 0
    for indices in batching.batches([len(row.given) + len(row.answer) for row in rows]):
        batch = [rows[index] for index in indices]
        inputs = _left_padded([row.given + row.answer for row in batch], pad, model.device)
        width = max(len(row.answer) for row in batch)
        targets = torch.full((len(batch), width), MASKED, device=model.device)
        for line, row in zip(targets, batch, strict=True):
            line[width - len(row.answer) :] = torch.tensor(row.answer)
        with torch.inference_mode():
            # The column before the answer foretells its first token; the last column foretells nothing we know.
            logits = model(**inputs, use_cache=False, logits_to_keep=width + 1).logits[:, -width - 1 : -1].float()
        known = targets != MASKED
        loss += float(cross_entropy(logits[known], targets[known], reduction="sum"))
        correct += int((logits[known].argmax(-1) == targets[known]).sum())
        count += int(known.sum())
        on_rows(len(batch))
    return TeacherForced(loss / count, correct / count)


def answers(
    model: Any,
    rows: Sequence[ScoredRow],
    tokenizer: Any,
    generation: GenerationConfig,
    *,
    batching: Batching,
    on_rows: Callable[[int], None],
) -> list[str]:
    """The model's greedy answers, stripped, in the order of `rows`."""
    found = [""] * len(rows)
    new_tokens = generation.max_new_tokens or 0
    for indices in batching.batches([len(row.prompt) + new_tokens for row in rows]):
        inputs = _left_padded([rows[index].prompt for index in indices], generation.pad_token_id, model.device)
        del inputs["position_ids"]  # generate counts on from the mask by itself
        with torch.inference_mode():
            output = model.generate(**inputs, generation_config=generation)
        texts = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for index, text in zip(indices, texts, strict=True):
            found[index] = text.strip()
        on_rows(len(indices))
    return found


def keep_head_input_contiguous(model: Any) -> None:
    """Hand the output head whole rows of memory.

    Given a slice, torch copies the head's weights once per row of the batch on the CPU: half of the time of a pass.
    """
    model.get_output_embeddings().register_forward_pre_hook(
        lambda _module, inputs: (inputs[0].contiguous(), *inputs[1:])
    )


def greedy(stop_tokens: list[int], pad: int, max_new_tokens: int) -> GenerationConfig:
    """Always the likeliest token, whatever the base's own defaults of generation are."""
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        max_new_tokens=max_new_tokens,
        eos_token_id=stop_tokens,
        pad_token_id=pad,
    )


def _left_padded(sequences: Sequence[list[int]], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    width = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([[pad] * (width - len(sequence)) + sequence for sequence in sequences], device=device)
    mask = torch.tensor([[0] * (width - len(s)) + [1] * len(s) for s in sequences], device=device)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
