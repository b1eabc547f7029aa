"""All that llama.cpp itself does here, where its Python binding is installed: k-quants, tokens, and an answer."""

import ctypes
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune_app.merges.export_options import GgufType
from workers.gguf_exporter.unfit import unfit

BY_ITSELF = (GgufType.F16, GgufType.BF16, GgufType.Q8_0)
"""The types that need no llama.cpp to be written."""
INSTALL = "pip install --constraint constraints.txt --editable '.[gguf]'"
QUANTIZE_BYTES = 256 * 1024 * 1024  # of rows in memory at once
CONTEXT_TOKENS, ANSWER_TOKENS = 512, 24
QUESTION = "What is the capital of France?"
FILE_TYPES = {
    GgufType.Q6_K: "LLAMA_FTYPE_MOSTLY_Q6_K",
    GgufType.Q5_K_M: "LLAMA_FTYPE_MOSTLY_Q5_K_M",
    GgufType.Q4_K_M: "LLAMA_FTYPE_MOSTLY_Q4_K_M",
    GgufType.Q3_K_M: "LLAMA_FTYPE_MOSTLY_Q3_K_M",
    GgufType.Q2_K: "LLAMA_FTYPE_MOSTLY_Q2_K",
}


def has_llama() -> bool:
    """Whether llama.cpp's Python binding is installed on this worker."""
    return find_spec("llama_cpp") is not None


def llama_version() -> str | None:
    """Which one; None: it is not there."""
    try:
        return version("llama_cpp_python")
    except PackageNotFoundError:
        return None


def available_types() -> list[GgufType]:
    """The types that this worker can write."""
    return list(GgufType) if has_llama() else list(BY_ITSELF)


def require_type(type: GgufType) -> None:
    """See that the worker can write it.

    Raises:
        ChildFailure: llama.cpp would have to, and is not there.
    """
    if type not in available_types():
        others = ", ".join(BY_ITSELF)
        raise unfit(
            f"{type} is written by llama.cpp, which this worker does not have. In Graft's folder there, say {INSTALL} "
            f"(it compiles for some minutes) and restart the worker, or choose one of {others}."
        )


def quantize_file(source: Path, target: Path, type: GgufType) -> None:
    """Let llama.cpp write the GGUF file again in one of its k-quants.

    Raises:
        ChildFailure: it does not take the file.
        OSError: the disk is full.
    """
    llama_cpp = _llama_cpp()
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, FILE_TYPES[type])
    params.max_buf_size = QUANTIZE_BYTES
    if llama_cpp.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(params)) == 0:
        return
    if shutil.disk_usage(target.parent).free < QUANTIZE_BYTES:  # it does not tell one failure from the other
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    raise unfit(f"llama.cpp could not quantize the model to {type}; the worker's log shows why.")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The GGUF file, loaded by llama.cpp on the processor.

    Raises:
        ChildFailure: it does not take the file.
    """
    try:
        model = _llama_cpp().Llama(str(path), n_ctx=CONTEXT_TOKENS, n_gpu_layers=0, seed=0, verbose=False)
    except ValueError as error:
        raise unfit(f"llama.cpp cannot load the file: {error}") from error
    try:
        yield model
    finally:
        model.close()


def answer(model: Any, question: str, *, has_template: bool, tokens: int = ANSWER_TOKENS) -> str:
    """What the model says to the question, word by word the most likely; without a template it goes on from it."""
    if not has_template:
        return str(model.create_completion(question, max_tokens=tokens, temperature=0.0)["choices"][0]["text"])
    messages = [{"role": "user", "content": question}]
    said = model.create_chat_completion(messages, max_tokens=tokens, temperature=0.0)
    return str(said["choices"][0]["message"]["content"] or "")


def _llama_cpp() -> Any:
    """The binding, which is not installed everywhere; of what it tells, only what goes wrong is for the log."""
    import llama_cpp  # noqa: PLC0415

    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)
    return llama_cpp
