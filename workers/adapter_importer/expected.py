"""The tensors that an adapter must have to fit a base: peft itself says so, on a model without weights."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from finetune_app.errors import UserError

Shapes = dict[str, tuple[int, ...]]
HOW_IT_BEGAN = ("eva_config", "corda_config", "lora_ga_config")
SECONDS = 120  # a pattern of the config can be made so that looking for it never ends


@dataclass(frozen=True)
class Expected:
    """Shapes by name; `optional` are the embeddings of the base, which peft writes along in some cases."""

    required: Shapes
    optional: Shapes


def expected_tensors(
    adapter: Path, base_folder: Path, base: str, *, labels: int | None, trust_remote_code: bool
) -> Expected:
    """What peft would save for this adapter's config on this base.

    Args:
        adapter: the folder with `adapter_config.json`.
        base_folder: the folder with the base's `config.json`.
        base: its name for people.
        labels: how many values a sequence gets; None for a language model.
        trust_remote_code: whether the base's own Python may run.

    Raises:
        UserError: `adapter_not_of_base`, `adapter_config_refused`, or `base_not_loadable`.
    """
    with torch.device("meta"):
        model = _bare(base_folder, base, labels=labels, trust_remote_code=trust_remote_code)
        with _in_time(), _explained(base), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are for whoever wrote the config
            tuned = get_peft_model(model, _config(adapter))
            required = _shapes(get_peft_model_state_dict(tuned, save_embedding_layers=False))
            everything = _shapes(get_peft_model_state_dict(tuned, save_embedding_layers=True))
    return Expected(required, {name: shape for name, shape in everything.items() if name not in required})


def _bare(folder: Path, base: str, *, labels: int | None, trust_remote_code: bool) -> PreTrainedModel:
    options: dict[str, Any] = {} if labels is None else {"num_labels": labels}
    kind = AutoModelForCausalLM if labels is None else AutoModelForSequenceClassification
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, **options)
        model: PreTrainedModel = kind.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise UserError(
            "base_not_loadable", f"transformers cannot build {base} from its config: {_line(error)}", field="base"
        ) from error
    return model


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


def _shapes(tensors: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


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
