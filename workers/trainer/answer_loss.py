"""SFTTrainer with the same loss for less work where it has no GPU kernel: only answer positions go through the head.

On the CPU, trl projects every position onto the vocabulary, prompt and padding too, and computes entropy and top-1 of
each: half of a step of a small model. Here the model's own forward keeps the columns that hold a label. Loss and
gradient are the same.
"""

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl.trainer.sft_trainer import SFTTrainer

from workers.encoding import MASKED
from workers.trainer.counted import TokenCount

FLOAT_BYTES = 4
LOGITS_LIMIT_BYTES = 512 * 1024 * 1024  # above it trl's loss in tiles is the better one


class AnswerLossTrainer(TokenCount, SFTTrainer):
    """Counts real tokens itself; uses trl's own loss on a GPU and for batches with very many labels."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The summed loss of the batch's labels over `num_items_in_batch`, the labels of the whole optimizer step."""
        self.tokens_seen += int(
            inputs["attention_mask"].sum() if "attention_mask" in inputs else inputs["input_ids"].numel()
        )
        labels = inputs["labels"]
        if return_outputs or labels.is_cuda or num_items_in_batch is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = torch.full_like(labels, MASKED)
        targets[:, :-1] = labels[:, 1:]  # a position is asked for the token after it
        columns = (targets != MASKED).any(dim=0).nonzero().flatten()
        own: Any = self.model
        logits_bytes = FLOAT_BYTES * len(labels) * len(columns) * own.config.get_text_config().vocab_size
        if logits_bytes > LOGITS_LIMIT_BYTES:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        features = {key: value for key, value in inputs.items() if key != "labels"}
        logits = model(**features, use_cache=False, logits_to_keep=columns).logits
        if logits.shape[1] != len(columns):  # a model that knows no `logits_to_keep` gives all
            logits = logits[:, columns]
        loss = cross_entropy(
            logits.float().flatten(0, 1), targets[:, columns].flatten(), ignore_index=MASKED, reduction="sum"
        )
        # Gradients are averaged over processes, and the items are those of all of them.
        return loss * self.args.world_size / torch.as_tensor(num_items_in_batch).clamp(min=1)
