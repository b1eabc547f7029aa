"""An adapter's tensors, read one by one when they are asked for."""

import math
import mmap
import threading
from collections import OrderedDict
from pathlib import Path

import torch

from adapters.adapter_folder_names import WEIGHTS
from adapters.weight_files import read_tensors
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.merger.reading import FLOATS, TORCH_DTYPES, read_tensor

KEPT = 8  # float32 copies of factors: those of the experts of one layer are cut from the same ones


class AdapterTensors:
    """What `adapter_model.safetensors` holds, by name.

    Raises:
        ChildFailure: MERGE_UNFIT: the file is damaged, or holds something else than numbers with a point.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / WEIGHTS
        try:
            self.stored = {tensor.name: tensor for tensor in read_tensors([self._path])}
        except (OSError, UserError) as error:
            raise ChildFailure(Cause.MERGE_UNFIT, f"{WEIGHTS} of the adapter cannot be read: {error}") from error
        for tensor in self.stored.values():
            if tensor.dtype not in FLOATS:
                raise ChildFailure(
                    Cause.MERGE_UNFIT,
                    f"{tensor.name} of the adapter is stored as {tensor.dtype}. Save the adapter in float32, float16 "
                    "or bfloat16.",
                )
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one of them."""
        return self.stored[name].shape

    def exact(self, name: str) -> torch.Tensor:
        """The tensor in float32, for factors; the last few are kept, and none may be changed in place."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = read_tensor(self.stored[name]).to(torch.float32)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            return self._kept[name]

    def mapped(self, name: str) -> torch.Tensor:
        """The tensor as it is stored, which may be as large as the base's: its bytes stay on the disk until used."""
        tensor = self.stored[name]
        dtype, count = TORCH_DTYPES[tensor.dtype], math.prod(tensor.shape)
        if not count:
            return torch.empty(tensor.shape, dtype=dtype)
        with self._path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return torch.frombuffer(content, dtype=dtype, count=count, offset=tensor.start).view(tensor.shape)
