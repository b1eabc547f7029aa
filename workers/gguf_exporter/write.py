"""Writes a GGUF file from a merged model's folder. The same inputs give the same bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType

from workers.gguf_exporter.architectures import Architecture, add_hyperparameters, frequency_scales
from workers.gguf_exporter.spec import GgufSpec
from workers.gguf_exporter.tensors import EncodedRows, Placed
from workers.gguf_exporter.tokens import Vocabulary, add_vocabulary
from workers.progress import Progress

FREQUENCY_SCALES = "rope_freqs.weight"
FILE_TYPES = {
    GGMLQuantizationType.F32: LlamaFileType.ALL_F32,
    GGMLQuantizationType.F16: LlamaFileType.MOSTLY_F16,
    GGMLQuantizationType.BF16: LlamaFileType.MOSTLY_BF16,
    GGMLQuantizationType.Q8_0: LlamaFileType.MOSTLY_Q8_0,
}


@dataclass(frozen=True)
class Content:
    """All that goes into the file."""

    config: Any
    architecture: Architecture
    vocabulary: Vocabulary
    placed: list[Placed]

    @property
    def values(self) -> int:
        """How many numbers all tensors have."""
        return sum(int(np.prod(placed.source.shape, dtype=np.int64)) for placed in self.placed)

    @property
    def main_type(self) -> GGMLQuantizationType:
        """The type of most of the numbers."""
        amounts: dict[GGMLQuantizationType, int] = {}
        for placed in self.placed:
            amounts[placed.type] = amounts.get(placed.type, 0) + placed.nbytes
        return max(amounts, key=amounts.__getitem__)


def write_gguf(path: Path, content: Content, spec: GgufSpec, progress: Progress) -> None:
    """Write the file `path`.

    Raises:
        ChildFailure: a tensor's numbers cannot be had in its type.
        OSError: the disk is full.
    """
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[content.architecture.model])
    try:
        _add_metadata(writer, content, spec)
        scales = frequency_scales(content.config, content.architecture)
        if scales is not None:
            writer.add_tensor_info(FREQUENCY_SCALES, scales.shape, scales.dtype, scales.nbytes)
        for placed in content.placed:
            encoded = np.dtype(np.float32)  # of what it is made; `raw_dtype` says what it becomes
            writer.add_tensor_info(placed.name, placed.source.shape, encoded, placed.nbytes, raw_dtype=placed.type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if scales is not None:
            writer.write_tensor_data(scales)
        for placed in content.placed:
            # it asks an array for no more than its size and to write itself
            writer.write_tensor_data(EncodedRows(placed, progress))  # type: ignore[arg-type]
    finally:
        writer.close()


def _add_metadata(writer: gguf.GGUFWriter, content: Content, spec: GgufSpec) -> None:
    writer.add_type("model")
    writer.add_name(spec.name)
    writer.add_license(spec.license)
    writer.add_size_label(gguf.size_label(content.values, content.values, 0, 0))
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, spec.base.partition("@")[0])
    writer.add_base_model_version(0, spec.base.partition("@")[2])
    writer.add_base_model_repo_url(0, spec.base_address)
    for name, text in sorted(spec.provenance.items()):
        writer.add_string(f"graft.{name}", text)
    writer.add_file_type(FILE_TYPES[content.main_type])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_hyperparameters(writer, content.config)
    add_vocabulary(writer, content.vocabulary)
