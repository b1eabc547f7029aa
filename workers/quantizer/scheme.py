"""How weights become integers: symmetric, rounded to nearest, with scales of the largest value of each group.

int8 has one scale for each row of a matrix, int4 one for each 128 columns of a row (or fewer, where 128 do not divide
every layer). The arithmetic and the packing are those of the library compressed-tensors, whose files vLLM and
transformers read.
"""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import torch
from compressed_tensors.compressors.base import BaseCompressor
from compressed_tensors.config import CompressionFormat
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    QuantizationScheme,
    QuantizationStatus,
    QuantizationStrategy,
)
from compressed_tensors.quantization.utils import calculate_qparams

from finetune_app.merges.export_options import QuantizedScheme

LIBRARY = "compressed-tensors"
BITS = {QuantizedScheme.INT8: 8, QuantizedScheme.INT4: 4}
GROUPS = (128, 64, 32)  # those that fast kernels exist for, the usual one first
FORMAT = CompressionFormat.pack_quantized
COMPRESSOR: Any = BaseCompressor.get_value_from_registry(FORMAT.value)


def scheme_for(wanted: QuantizedScheme, columns: Iterable[int]) -> QuantizationScheme:
    """The scheme for layers with these numbers of columns: one for all, so that a server may fuse layers."""
    sizes = set(columns)
    group = next(size for size in GROUPS if all(column % size == 0 for column in sizes))
    is_grouped = wanted is QuantizedScheme.INT4
    return QuantizationScheme(
        targets=["Linear"],
        weights=QuantizationArgs(
            num_bits=BITS[wanted],
            symmetric=True,
            dynamic=False,
            strategy=QuantizationStrategy.GROUP if is_grouped else QuantizationStrategy.CHANNEL,
            group_size=group if is_grouped else None,
        ),
        format=FORMAT,
    )


def quantize(weight: torch.Tensor, scheme: QuantizationScheme) -> dict[str, torch.Tensor]:
    """What takes the place of the matrix, by the last part of its name (`weight_packed`, `weight_scale` and so on)."""
    exact = weight.float()
    groups = exact.reshape(exact.shape[0], -1, scheme.weights.group_size or exact.shape[1])
    scale, zero_point = calculate_qparams(groups.amin(-1), groups.amax(-1), scheme.weights)
    # Rounded as it will be stored, then used in float32: the integers are those that fit the stored scale best.
    stored = scale.to(weight.dtype)
    values = {"weight": exact, "weight_scale": stored.float(), "weight_zero_point": zero_point}
    packed = COMPRESSOR.compress(values, scheme)
    return {name: tensor.contiguous() for name, tensor in (packed | {"weight_scale": stored}).items()}


def described(scheme: QuantizationScheme, left: list[str]) -> dict[str, Any]:
    """The entry `quantization_config` of config.json; `left` names linear layers that stay as they are."""
    config = QuantizationConfig(
        config_groups={"group_0": scheme},
        ignore=left,
        format=FORMAT,
        quantization_status=QuantizationStatus.COMPRESSED,
    )
    return {"quant_method": LIBRARY, "version": version(LIBRARY), **config.to_dict()}
