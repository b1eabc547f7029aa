"""Reads a GGUF file back and compares it with the model that it was made of, row by row."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from gguf.quants import dequantize

from workers.gguf_exporter.spec import GgufSpec
from workers.gguf_exporter.tensors import Placed, read_blocks
from workers.gguf_exporter.tokens import Vocabulary
from workers.gguf_exporter.write import FREQUENCY_SCALES, Content
from workers.progress import Progress

PROBES = (
    "Hello, how are you? I'm fine; you're WE'LL see.",
    "The 3 quick foxes: 1234567890 jump 12.5 % over 1,000,000 dogs.",
    "  two  spaces\tand\ttabs \n\n\n  new lines \r\n end ",
    "def f(x: int) -> str:\n    return f'{x!r}' if x >= 10 else \"<none>\"  # 100%\n",
    "Größe, façade, naïve — “quotes” … €5",
    "Быстрая лиса прыгает. Γειά σου κόσμε. שלום עולם. مرحبا بالعالم",
    "敏捷的狐狸跳过去。日本語のテキスト、カタカナ。안녕하세요 세계",
    "नमस्ते दुनिया। สวัสดีชาวโลก",
    "🙂👩🏽‍💻 emoji ½ ² ① Ⅷ",
)
"""Texts whose tokens tell most mistakes in a tokenizer; none of them has characters that could be composed."""


@dataclass(frozen=True)
class Checked:
    """What was read back: how many tensors of each type, and how far the numbers are from the model's.

    `error` is the norm of all differences over the norm of all numbers of the matrices.
    """

    types: dict[str, int]
    error: float


def check_file(path: Path, content: Content, spec: GgufSpec, progress: Progress) -> Checked:
    """Read the file back.

    Raises:
        RuntimeError: it is not what was to be written.
    """
    reader = gguf.GGUFReader(path)
    _check_metadata(reader, content.vocabulary, spec)
    found = {tensor.name: tensor for tensor in reader.tensors if tensor.name != FREQUENCY_SCALES}
    if found.keys() != {placed.name for placed in content.placed}:
        raise RuntimeError(f"The file has {len(found)} tensors that are not those of the model.")
    difference = norm = 0.0
    with path.open("rb") as file:
        for placed in content.placed:
            one, all_of_it = _compare(file, found[placed.name], placed, progress)
            if len(placed.source.shape) > 1:
                difference, norm = difference + one, norm + all_of_it
    types = Counter(tensor.tensor_type.name for tensor in reader.tensors)
    return Checked(dict(sorted(types.items())), math.sqrt(difference / norm) if norm else 0.0)


def _check_metadata(reader: gguf.GGUFReader, vocabulary: Vocabulary, spec: GgufSpec) -> None:
    template = vocabulary.template
    if isinstance(template, list):
        template = next((each["template"] for each in template if each["name"] == "default"), None)
    wanted = {
        gguf.Keys.General.NAME: spec.name,
        gguf.Keys.Tokenizer.MODEL: vocabulary.model,
        gguf.Keys.Tokenizer.PRE: vocabulary.pre,
        gguf.Keys.Tokenizer.LIST: vocabulary.tokens,
        gguf.Keys.Tokenizer.CHAT_TEMPLATE: template or None,
    }
    for key, value in wanted.items():
        field = reader.get_field(key)
        if (None if field is None else field.contents()) != value:
            raise RuntimeError(f"The file's {key} reads back differently.")


def _compare(file: BinaryIO, tensor: gguf.ReaderTensor, placed: Placed, progress: Progress) -> tuple[float, float]:
    """The squared norms of the difference and of the model's own numbers."""
    shape = placed.source.shape
    if tuple(reversed(tensor.shape.tolist())) != shape:
        raise RuntimeError(f"The tensor {placed.name} has the shape {tensor.shape.tolist()} in the file.")
    row_bytes = tensor.n_bytes // shape[0] if len(shape) > 1 else tensor.n_bytes
    difference = norm = 0.0
    file.seek(tensor.data_offset)
    for values in read_blocks(placed):
        count = len(values) if len(shape) > 1 else 1
        raw = np.fromfile(file, np.uint8, count * row_bytes).reshape(count, row_bytes)
        written = dequantize(raw, tensor.tensor_type).reshape(values.shape)
        if not np.isfinite(written).all():
            raise RuntimeError(f"The tensor {placed.name} has numbers in the file that are not finite.")
        difference += float(np.square(written - values, dtype=np.float64).sum())
        norm += float(np.square(values, dtype=np.float64).sum())
        progress.add(values.size)
    return difference, norm


def different_tokens(model: Any, tokenizer: Any, vocabulary: Vocabulary) -> list[str]:
    """The texts that llama.cpp makes other tokens of than transformers, and should not."""
    return [
        text
        for text in filter(vocabulary.same_for, PROBES)
        if model.tokenize(text.encode(), add_bos=False, special=False)
        != tokenizer.encode(text, add_special_tokens=False)
    ]
