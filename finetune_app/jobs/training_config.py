"""`TrainingConfig`: the options that every method of fine-tuning has, each declared once.

A method (`methods/`) is a subclass that adds its own options. The browser form, the REST body and its OpenAPI schema,
the trainer and the docs are all made from these classes: type, bounds and default from the annotation, `title` the
label, `description` the help text, `group` the part of the form. Pure: no Django, no torch.
"""

import math
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from finetune_app.jobs.evaluation_options import EvaluationOptions
from finetune_app.jobs.lora_options import ALL_LINEAR, LoraOptions
from finetune_app.jobs.option_rules import broken_rules
from finetune_app.jobs.run_options import RunOptions

__all__ = ["ALL_LINEAR", "LossOn", "TrainingConfig"]

LossOn = Literal["completion", "assistant", "all"]


class TrainingConfig(EvaluationOptions, RunOptions, LoraOptions):  # pydantic takes the fields of the last one first
    """What every fine-tune with LoRA (Hu et al. 2021) or QLoRA (Dettmers et al. 2023) can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    compares_with_base: ClassVar[bool] = False
    """Whether the method needs the base as it was, with the adapter switched off, while it trains."""

    method: str

    @model_validator(mode="after")
    def options_go_together(self) -> Self:
        """Options that exclude each other are refused, each beside the one that has to change."""
        broken = broken_rules(self) | self.broken_by_method()
        if broken:
            errors = [
                InitErrorDetails(
                    type=PydanticCustomError("options_exclude", "{sentence}", {"sentence": sentence}),
                    loc=(name,),
                    input=getattr(self, name),
                )
                for name, sentence in broken.items()
            ]
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self

    def broken_by_method(self) -> dict[str, str]:
        """Options that do not go with the method, each with its sentence; methods with such rules override it."""
        return {}

    @property
    def effective_batch_size(self) -> int:
        """Rows per optimizer step on one device."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    @property
    def loss_on(self) -> LossOn:
        """Which part of a row is learned; methods that can be told override it."""
        return "completion"

    @property
    def packs(self) -> bool:
        """Whether several rows share a sequence; methods that can be told override it."""
        return False

    def steps_for(self, train_rows: int) -> int:
        """Optimizer steps on one device over `train_rows` unpacked rows: the fixed number, else from the epochs."""
        if self.max_steps is not None:
            return self.max_steps
        batches = math.ceil(train_rows / self.per_device_train_batch_size)
        steps_per_epoch = math.ceil(batches / self.gradient_accumulation_steps)
        return math.ceil(self.num_train_epochs * steps_per_epoch)
