"""A base model without weights, and an adapter on it: transformers and peft themselves say what is where."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from finetune_app.errors import UserError

HOW_IT_BEGAN = ("eva_config", "corda_config", "lora_ga_config")
SECONDS = 120  # a pattern of the config can be made so that looking for it never ends


def bare_model(
    folder: Path, base: str, *, trust_remote_code: bool, labels: int | None = None, vocabulary: int | None = None
) -> PreTrainedModel:
    """The model that transformers builds from the base's config, on the meta device.

    Args:
        folder: the base's small files.
        base: its name for people.
        trust_remote_code: whether the base's own Python may run.
        labels: how many values a sequence gets; None for a language model.
        vocabulary: rows of its embeddings, where they differ from the config's.

    Raises:
        UserError: `base_not_loadable`.
    """
    options: dict[str, Any] = {} if labels is None else {"num_labels": labels}
    kind = AutoModelForCausalLM if labels is None else AutoModelForSequenceClassification
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, **options)
        if vocabulary is not None:
            config.get_text_config().vocab_size = vocabulary
        with torch.device("meta"):
            model: PreTrainedModel = kind.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise UserError(
            "base_not_loadable", f"transformers cannot build {base} from its config: {_line(error)}", field="base"
        ) from error
    return model


def with_adapter(model: PreTrainedModel, adapter: Path, base: str) -> PeftModel:
    """The model with the adapter's layers in it, which peft puts where its config says; on the meta device.

    Raises:
        UserError: `adapter_not_of_base`, or `adapter_config_refused`.
    """
    with torch.device("meta"), _in_time(), _explained(base), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are for whoever wrote the config
        tuned: PeftModel = get_peft_model(model, _config(adapter))
    return tuned


def _config(adapter: Path) -> LoraConfig:
    config = LoraConfig.from_pretrained(str(adapter))
    config.base_model_name_or_path = None  # that is for people
    config.init_lora_weights = False  # its weights are there; there are none of the base to begin with
    config.inference_mode = False
    config.loftq_config = {}
    for name in HOW_IT_BEGAN:
        if hasattr(config, name):
            setattr(config, name, None)
    return config


@contextmanager
def _explained(base: str) -> Iterator[None]:
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, ValueError) and "not found in the base model" in str(error):
            raise UserError(
                "adapter_not_of_base",
                f"The modules that adapter_config.json names are not in {base}: {_line(error)} Choose the base that it "
                "was trained on.",
                field="base",
            ) from error
        raise UserError("adapter_config_refused", f"peft cannot put this adapter on {base}: {_line(error)}") from error


@contextmanager
def _in_time() -> Iterator[None]:
    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise UserError(
            "adapter_config_refused",
            f"Finding the modules that adapter_config.json names took more than {SECONDS} seconds. Name them plainly.",
        )

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
