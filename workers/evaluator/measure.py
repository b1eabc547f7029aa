"""One model on the held-out rows: what it would have said (teacher-forced loss and accuracy) and what it says (greedy).

Rows are sorted by length and padded on the left, so that all answers end in the same column.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig

from workers.encoding import MASKED
from workers.evaluator.encoding import ScoredRow
from workers.out_of_memory import in_halves

ROWS_PER_BATCH = 16

Result = TypeVar("Result")


@dataclass(frozen=True)
class Batching:
    """How many rows go through the model at once: few enough for the memory that training also had.

    Where that is too many all the same, half as many do.
    """

    token_budget: int

    def compute(
        self, lengths: Sequence[int], batch: Callable[[Sequence[int]], Result]
    ) -> Iterator[tuple[Sequence[int], Result]]:
        """`batch` of the indices of some rows at a time, longest first: a lack of memory shows in the first one."""
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])

        def size_of(waiting: Sequence[int]) -> int:
            return min(ROWS_PER_BATCH, self.token_budget // max(1, lengths[waiting[0]]))

        return in_halves(order, size_of, batch)


@dataclass(frozen=True)
class TeacherForced:
    """Mean loss in nats per answer token, and the share of answer tokens that were the model's first choice.

    `row_losses` are the losses of whole answers, in the order of the rows.
    """

    loss: float
    token_accuracy: float
    row_losses: list[float]


def teacher_forced(
    model: Any, rows: Sequence[ScoredRow], pad: int, batching: Batching, on_rows: Callable[[int], None]
) -> TeacherForced:
    """Score the answers' tokens, each given the right tokens before it; `on_rows` gets the rows of each batch."""

    def scored(indices: Sequence[int]) -> tuple[list[float], int, int]:
        batch = [rows[index] for index in indices]
        inputs = left_padded([row.given + row.answer for row in batch], pad, model.device)
        width = max(len(row.answer) for row in batch)
        targets = torch.full((len(batch), width), MASKED, device=model.device)
        for line, row in zip(targets, batch, strict=True):
            line[width - len(row.answer) :] = torch.tensor(row.answer)
        with torch.inference_mode():
            # The column before the answer foretells its first token; the last column foretells nothing we know.
            logits = model(**inputs, use_cache=False, logits_to_keep=width + 1).logits[:, -width - 1 : -1].float()
        known = targets != MASKED
        losses = torch.zeros(targets.shape, device=model.device)
        losses[known] = cross_entropy(logits[known], targets[known], reduction="none")
        return losses.sum(1).tolist(), int((logits[known].argmax(-1) == targets[known]).sum()), int(known.sum())

    row_losses, correct, count = [0.0] * len(rows), 0, 0
    for indices, found in batching.compute([len(row.given) + len(row.answer) for row in rows], scored):
        for index, loss in zip(indices, found[0], strict=True):
            row_losses[index] = loss
        correct, count = correct + found[1], count + found[2]
        on_rows(len(indices))
    return TeacherForced(sum(row_losses) / count, correct / count, row_losses)


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

    def generated(indices: Sequence[int]) -> list[str]:
        inputs = left_padded([rows[index].prompt for index in indices], generation.pad_token_id, model.device)
        del inputs["position_ids"]  # generate counts on from the mask by itself
        with torch.inference_mode():
            output = model.generate(**inputs, generation_config=generation)
        texts: list[str] = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts

    for indices, texts in batching.compute([len(row.prompt) + new_tokens for row in rows], generated):
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


def left_padded(sequences: Sequence[list[int]], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Ids, mask and positions of a batch whose sequences all end in the last column."""
    width = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([[pad] * (width - len(sequence)) + sequence for sequence in sequences], device=device)
    mask = torch.tensor([[0] * (width - len(s)) + [1] * len(s) for s in sequences], device=device)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
