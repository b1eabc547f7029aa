"""trl's SFTTrainer on flat batches: one forward without padding, the loss of learned tokens, no wait inside a step."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from torch import nn

from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from workers.loading import LoadedBase
from workers.sharding import is_sharded
from workers.trainer.answer_loss import AnswerLossTrainer
from workers.trainer.lean.attention import use_flat_attention
from workers.trainer.lean.batch import FlatCollator, split_flat
from workers.trainer.lean.head_loss import head_loss
from workers.trainer.lean.kernels import use_fused_kernels
from workers.trainer.lean.masters import MasterAdamW

FEATURES = (
    "input_ids", "position_ids", "cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k",
)  # fmt: skip
# What some architectures do to their logits after the head; the loss here takes them as the head gives them.
CHANGES_LOGITS = (
    "logits_scaling", "logit_scale", "output_multiplier", "lm_head_multiplier", "final_logit_softcapping",
    "attn_logit_softcapping",
)  # fmt: skip
KEEPS_ROWS_APART = {"full_attention", "sliding_attention"}
MASTERED = {"auto", "adamw_torch"}


def why_not_lean(base: LoadedBase, config: TrainingConfig) -> str:
    """Why this run has to take the plain way; "" when nothing stands against the lean one."""
    settings = base.model.config.get_text_config()
    head = base.model.get_output_embeddings()
    kinds = set(getattr(settings, "layer_types", None) or KEEPS_ROWS_APART)
    reasons = {
        "the device computes in float16 only": base.device.base_dtype is torch.float16,
        "the architecture has no exchangeable attention": not base.model._supports_attention_backend,  # noqa: SLF001
        "some layers carry a state from row to row": not kinds <= KEEPS_ROWS_APART,
        "the architecture changes its logits": any(getattr(settings, name, None) for name in CHANGES_LOGITS),
        "modules or tokens are trained in full": bool(config.modules_to_save or config.trainable_token_indices),
        "the optimizer keeps no float32 copies": config.optim not in MASTERED,
        "the head is not a plain linear layer": type(head) is not nn.Linear,
        "the weights are sharded": is_sharded(base.model),
        "the head is trained": head is not None and _trains(base.model, head, config),
        "the architecture cannot leave positions out": "logits_to_keep" not in signature(base.model.forward).parameters,
        "attention has sinks": any(name.endswith("sinks") for name, _ in base.model.named_parameters()),
        "a loss of its own balances the experts": bool(getattr(settings, "router_aux_loss_coef", 0)),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _trains(model: Any, head: nn.Module, config: TrainingConfig) -> bool:
    """Whether the adapter reaches the output head, whose weights the loss here takes as they are."""
    name = next((name for name, module in model.named_modules() if module is head), "").rpartition(".")[2]
    targets = [] if config.target_modules == ALL_LINEAR else config.target_modules  # “all-linear” leaves the head out
    has_bias = getattr(head, "bias", None) is not None
    return name in {target.rpartition(".")[2] for target in targets} or (config.bias == "all" and has_bias)


class LeanTrainer(AnswerLossTrainer):
    """Trains adapters in the base's own dtype; float32 copies are kept where that is bfloat16."""

    def __init__(self, model: Any, args: Any, processing_class: Any, **options: Any) -> None:
        """As trl's trainer; `args` may ask for mixed precision, which is not used."""
        # trl does this along with its own collator.
        model.config.get_text_config().pad_token_id = processing_class.pad_token_id
        model.generation_config.pad_token_id = processing_class.pad_token_id
        self.fused_kernels = use_fused_kernels(model)
        use_flat_attention(model)
        super().__init__(
            model=model,
            args=_without_autocast(args),
            processing_class=processing_class,
            data_collator=FlatCollator(),
            **options,
        )
        own: Any = self.model
        self._dtype: torch.dtype = own.dtype

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The summed loss of the batch's learned tokens over `num_items_in_batch`, those of the whole step."""
        if return_outputs:
            raise NotImplementedError("A flat batch has no logits to give.")
        self.tokens_seen += inputs["input_ids"].numel()
        head = self.head
        loss = head_loss(self.hidden_states(model, inputs), head.weight, head.bias, inputs["labels"])
        items = len(inputs["labels"]) if num_items_in_batch is None else num_items_in_batch
        # Gradients are averaged over processes, and the items are those of all of them.
        return loss * self.args.world_size / max(items, 1)

    @property
    def adapter_dtype(self) -> str:
        """In which the adapter computes, with float32 copies beside it where that is less."""
        name = str(self._dtype).removeprefix("torch.")
        return name if self._dtype is torch.float32 else f"{name}, float32 copies"

    @property
    def head(self) -> nn.Linear:
        """The output head, frozen."""
        return self.accelerator.unwrap_model(self.model).get_output_embeddings()

    def hidden_states(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """What would go into the head at the positions whose next token is learned, shape (learned, size)."""
        features = {name: inputs[name] for name in FEATURES}
        with _hidden_only(self.head):
            # Through the model itself, so that whatever is wrapped around it sees the pass.
            return model(**features, use_cache=False, logits_to_keep=inputs["kept"]).logits[0]

    def split_batch(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The batch in two, for when memory does not hold it at once."""
        return split_flat(inputs)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW on float32 copies; the weights themselves become the base's dtype."""
        optimizer = super().create_optimizer(model)
        if self._dtype is torch.float32 or isinstance(optimizer, MasterAdamW):
            return optimizer
        chosen = {name: optimizer.defaults[name] for name in ("lr", "betas", "eps", "weight_decay", "fused")}
        self.optimizer = MasterAdamW(optimizer.param_groups, **chosen)
        own: Any = self.model
        for parameter in own.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(self._dtype)
        return self.optimizer

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:  # noqa: ARG002 - the Trainer's own name
        """Not counted here: counting walks over all parameters at every micro-batch."""
        return 0

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> int:
        count = sum(len(batch["labels"]) for batch in batch_samples)
        if self.args.world_size > 1:
            count = int(self.accelerator.gather(torch.tensor([count], device=device)).sum())
        return count


def _without_autocast(args: Any) -> Any:
    """Everything computes in the model's dtype, so no call has to cast; rows are packed already."""
    plain = copy.copy(args)
    plain.bf16 = plain.fp16 = plain.packing = plain.remove_unused_columns = False
    plain.mixed_precision = "no"
    return plain


@contextmanager
def _hidden_only(head: Any) -> Iterator[None]:
    """Let the head give back what it gets."""
    head.forward = lambda hidden: hidden
    try:
        yield
    finally:
        del head.forward
