"""What the warm process imports: all that a training run and its scoring import on their way to the first step."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

# Methods beside SFT import their trainer in their own run: each costs every warm process memory, and few runs time.
PROGRAMS = ("workers.trainer.engine", "workers.evaluator.score")
# What transformers and others import on demand, once they see what a model is.
ON_DEMAND = (
    "peft.tuners.lora.bnb",
    "transformers.integrations.bitsandbytes",
    "transformers.models.llama.modeling_llama",
    "workers.trainer.__main__",
    "workers.evaluator.__main__",
)


def preload() -> None:
    """Import it, and leave the GPU alone.

    Raises:
        RuntimeError: something reached for the GPU all the same, so that no fork of this process could use it.
    """
    import torch  # noqa: PLC0415 - this module is imported by the worker's tests, which do without

    if torch.cuda.is_available():  # asks NVML, see `start.SETTINGS`
        with _known_capabilities():
            _import_all()
        if torch.cuda.is_initialized() or in_a_fork(_use_gpu) != "usable":
            raise RuntimeError("A library reached for the GPU while it was imported.")
    else:
        _import_all()
    # Collected here, so that no fork writes to the pages that it shares with its parent just by counting.
    gc.collect()
    gc.freeze()


def _import_all() -> None:
    for name in (*PROGRAMS, *ON_DEMAND):
        import_module(name)
    # Hundreds of patterns of names of all architectures, compiled when the first model is loaded.
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping  # noqa: PLC0415

    get_checkpoint_conversion_mapping("llama")


@contextmanager
def _known_capabilities() -> Iterator[None]:
    """Let bitsandbytes, which asks every GPU for its capability when it is imported, hear what a fork found out."""
    import torch  # noqa: PLC0415

    found = in_a_fork(_capabilities)
    known = [(int(major), int(minor)) for major, minor in (text.split(".") for text in found.split())]
    if len(known) < torch.cuda.device_count():  # bitsandbytes would take its CPU library without a word
        raise RuntimeError("The GPUs did not say what they are capable of.")
    asks_gpu = torch.cuda.get_device_capability
    torch.cuda.get_device_capability = lambda device=None: known[int(getattr(device, "idx", 0))]
    try:
        yield
    finally:
        torch.cuda.get_device_capability = asks_gpu


def _capabilities() -> str:
    import torch  # noqa: PLC0415

    found = [torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())]
    return " ".join(f"{major}.{minor}" for major, minor in found)


def _use_gpu() -> str:
    import torch  # noqa: PLC0415

    return "usable" if float(torch.ones(1, device="cuda")) == 1.0 else ""


def in_a_fork(ask: Callable[[], str]) -> str:
    """What `ask` answers in a fork of this process that ends with it; "" when it fails."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(writer, ask().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        found = answer.read()
    os.waitpid(pid, 0)
    return found
