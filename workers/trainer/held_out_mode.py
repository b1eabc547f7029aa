"""Looking at a model in the middle of its training, so that training goes on as if nobody had looked."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

SWAPS_WEIGHTS = "support_avx512bf16_for_cpu"


def keep_weights(model: torch.nn.Module) -> None:
    """Forbid bitsandbytes to swap 4-bit weights for inference-only ones.

    On processors with AVX512-BF16, `Linear4bit.forward` (bitsandbytes 0.50) repacks its weights for good the first time
    that it runs outside training without a gradient; they are rounded anew, and no gradient passes them any more, so
    training would stand still without a word. A layer that believes the processor cannot do it stays as it is.
    """
    for module in model.modules():
        if hasattr(module, SWAPS_WEIGHTS):
            setattr(module, SWAPS_WEIGHTS, False)


@contextmanager
def looking_at(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode (no dropout, no checkpointing) without gradients; mode and random numbers are as before after it.

    Not `torch.inference_mode`: what a module keeps from a pass in it could not be trained with.
    """
    was_training = model.training
    state = _random_state()
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
        _restore(state)


def _random_state() -> tuple[Any, ...]:
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), gpus  # noqa: NPY002 - the one that Trainer uses


def _restore(state: tuple[Any, ...]) -> None:
    own, numpy, cpu, gpus = state
    random.setstate(own)
    np.random.set_state(numpy)  # noqa: NPY002
    torch.set_rng_state(cpu)
    if gpus:
        torch.cuda.set_rng_state_all(gpus)
