"""What training on nf4 saw of a weight: quantized by bitsandbytes and back, to the bit.

The scales of all blocks are quantized together where they are quantized at all, so a tensor goes as a whole.
"""

import threading
from typing import Any

import torch

from workers.merge_spec import MergeSpec

BLOCK = 64  # weights with one scale; what bitsandbytes takes when nobody says


class RoundTrip:
    """The way of a run's base: loaded in the dtype that the run computed in, quantized, dequantized in a layer."""

    def __init__(self, spec: MergeSpec) -> None:
        from bitsandbytes import functional  # noqa: PLC0415 - only merges onto quantized weights need it

        from workers.quick_4bit import use_quick_4bit  # noqa: PLC0415

        use_quick_4bit()
        self._functional: Any = functional
        self._turn = threading.Lock()
        self._dtype = getattr(torch, spec.compute_dtype)
        self._options = {
            "blocksize": BLOCK,
            "compress_statistics": spec.double_quant,
            "quant_type": spec.quant_type,
            "quant_storage": torch.uint8,
        }

    def __call__(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight after it, in the dtype of the run, on the same device; any thread may ask, on any stream."""
        if not weight.is_cuda:
            return self._there_and_back(weight)
        # bitsandbytes 0.50 quantizes on CUDA's default stream whatever the current one is, and would read what another
        # stream has not written yet.
        here, default = torch.cuda.current_stream(weight.device), torch.cuda.default_stream(weight.device)
        here.synchronize()
        with self._turn, torch.cuda.stream(default):
            back = self._there_and_back(weight)
            default.synchronize()
        back.record_stream(here)
        return back

    def _there_and_back(self, weight: torch.Tensor) -> torch.Tensor:
        packed, state = self._functional.quantize_4bit(weight.to(self._dtype).contiguous(), **self._options)
        return self._functional.dequantize_4bit(packed, state)
