"""Loss and accuracy on the held-out rows with the model in training, in batches that its memory has room for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset

from workers.child import stop_if_asked
from workers.encoding import MASKED
from workers.out_of_memory import in_halves, is_out_of_memory, release_memory
from workers.trainer.lean.head_loss import head_scores
from workers.trainer.lean.trainer import LeanTrainer

ROWS_PER_BATCH = 16
FLOAT_BYTES = 4
LOGITS_BYTES = 1024 * 1024 * 1024  # of float32 logits at once
ACCURACIES = ("eval_rewards/accuracies", "eval_accuracy")  # as trl calls them: DPO, reward


@dataclass(frozen=True)
class Look:
    """What one look at the held-out rows found: loss in nats per learned token, accuracy as a share 0–1."""

    loss: float
    accuracy: float | None


def look_at_tokens(trainer: Any, features: Sequence[dict[str, Any]]) -> Look:
    """The mean over all learned tokens of `features`, which lie longest first.

    A batch holds as many tokens as a micro-batch of training may; one that does not fit all the same is halved.
    """
    loss, correct, count = 0.0, 0, 0
    budget = _token_budget(trainer, len(features[0]["input_ids"]))

    def size_of(waiting: Sequence[dict[str, Any]]) -> int:
        stop_if_asked()
        return min(ROWS_PER_BATCH, budget // len(waiting[0]["input_ids"]))

    for _, found in in_halves(features, size_of, lambda batch: _batch(trainer, list(batch))):
        loss, correct, count = loss + found[0], correct + found[1], count + found[2]
    return Look(loss / count, correct / count)


def look_by_trainer(trainer: Any, dataset: Dataset) -> Look:
    """What trl's own evaluation says of `dataset`: the method's loss, and the share of pairs that are the right way.

    trl takes the mean over batches, so those that are full and the one that is not are evaluated apart. Batches that
    memory has no room for are halved.
    """
    size = trainer.args.per_device_train_batch_size
    while True:
        try:
            return _look_in_batches(trainer, dataset, size)
        except Exception as error:
            if size == 1 or trainer.args.world_size > 1 or not is_out_of_memory(error):
                raise
        size //= 2
        release_memory()


def _look_in_batches(trainer: Any, dataset: Dataset, size: int) -> Look:
    trainer.args.per_device_eval_batch_size = size
    whole = len(dataset) // (size * trainer.args.world_size) * size * trainer.args.world_size
    parts = [part for part in (range(whole), range(whole, len(dataset))) if part]
    looks = [(len(part), trainer.evaluate(dataset.select(part))) for part in parts]
    accuracy = next((_mean(looks, name) for name in ACCURACIES if name in looks[0][1]), None)
    is_known = accuracy is not None and math.isfinite(accuracy)
    return Look(_mean(looks, "eval_loss"), accuracy if is_known else None)


def _mean(looks: Sequence[tuple[int, dict[str, float]]], name: str) -> float:
    return sum(count * float(metrics[name]) for count, metrics in looks) / sum(count for count, _ in looks)


def _token_budget(trainer: Any, longest: int) -> int:
    tokens = trainer.args.per_device_train_batch_size * longest
    if isinstance(trainer, LeanTrainer):
        return tokens
    return min(tokens, LOGITS_BYTES // (FLOAT_BYTES * _vocabulary(trainer)))


def _vocabulary(trainer: Any) -> int:
    return int(trainer.model.config.get_text_config().vocab_size)


def _batch(trainer: Any, features: list[dict[str, Any]]) -> tuple[float, int, int]:
    """Summed loss, right tokens and learned tokens."""
    inputs = trainer._prepare_inputs(trainer.data_collator(features))  # noqa: SLF001 - moves them to the device
    if isinstance(trainer, LeanTrainer):
        head = trainer.head
        hidden = trainer.hidden_states(trainer.model, inputs)
        loss, correct = head_scores(hidden, head.weight, head.bias, inputs["labels"])
        return float(loss), int(correct), len(inputs["labels"])
    return _sums(_logits(trainer, inputs))


def _logits(trainer: Any, inputs: dict[str, Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and right tokens of the learned positions, some columns of the batch at a time."""
    labels = inputs["labels"]
    targets = torch.full_like(labels, MASKED)
    targets[:, :-1] = labels[:, 1:]  # a position is asked for the token after it
    features = {key: value for key, value in inputs.items() if key != "labels"}
    columns = (targets != MASKED).any(dim=0).nonzero().flatten()
    width = LOGITS_BYTES // (FLOAT_BYTES * len(labels) * _vocabulary(trainer))
    for piece in columns.split(max(1, width)):
        with trainer.compute_loss_context_manager():
            logits = trainer.model(**features, use_cache=False, logits_to_keep=piece).logits
        if logits.shape[1] != len(piece):  # a model that knows no `logits_to_keep` gives all
            logits = logits[:, piece]
        known = targets[:, piece] != MASKED
        yield logits[known].float(), targets[:, piece][known]


def _sums(parts: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> tuple[float, int, int]:
    loss, correct, count = 0.0, 0, 0
    for logits, targets in parts:
        loss += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
        correct += int((logits.argmax(-1) == targets).sum())
        count += len(targets)
    return loss, correct, count
