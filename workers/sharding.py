"""How the base's weights are laid out over the processes of a run: all of them on each process, or a share of them.

A base that one device holds is on each of them: that is the fastest. One that no device holds is sharded while it is
loaded (FSDP2, by transformers itself): each process reads its share and gathers a layer when it computes with it. The
adapter is whole on each, so checkpoints and the result are those of any other run.
"""

import json
from typing import Any

import psutil
import torch
from transformers.distributed.configuration_utils import DistributedConfig

from adapters.base_texts import CONFIG
from adapters.fingerprint import Fingerprint
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.plan.choose import USED_SHARE, Situation, least_bytes
from finetune_app.jobs.plan.devices import Device as PlannedDevice
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.plan.shapes import model_shape
from workers.child import ChildFailure, log
from workers.precision import Device
from workers.ranks import world_size
from workers.spec import RunSpec


def placement(spec: RunSpec, identity: Fingerprint, device: Device) -> dict[str, Any]:
    """What `from_pretrained` is told about where the weights go.

    Raises:
        ChildFailure: OUT_OF_MEMORY, when no device holds a base that cannot be sharded.
    """
    if world_size() == 1 or _fits_on_one(spec, identity, device):
        return {"device_map": {"": device.kind}}
    if device.quantization is not None:
        raise ChildFailure(
            Cause.OUT_OF_MEMORY,
            "One device does not hold this job, and a base that is quantized while it is loaded cannot be sharded over "
            "several. Train without quantization, or on devices with more memory.",
        )
    log(f"One device does not hold the base with this config, so its weights are sharded over {world_size()} (FSDP).")
    return {"distributed_config": DistributedConfig(fsdp_size=world_size())}


def is_sharded(model: Any) -> bool:
    """Whether each process holds a share of the model's weights."""
    return bool(getattr(model, "is_distributed_loading_by_transformers", False))


def _fits_on_one(spec: RunSpec, identity: Fingerprint, device: Device) -> bool:
    """By the plan's least, with rows of the max length; a base whose shape is not known is taken to fit."""
    shape = model_shape(
        json.loads((spec.base_folder / CONFIG).read_text()),
        parameters=identity.parameters,
        modules=identity.linear_modules,
    )
    if shape is None:
        return True
    memory = _memory_of_one(device)
    planned = PlannedDevice(device.kind, device.name, memory, device.base_dtype is torch.bfloat16)
    rows = Rows.known([spec.config.max_length], [0], count=spec.config.effective_batch_size)
    situation = Situation(shape, planned, rows, memory_factor=spec.memory_factor)
    return least_bytes(spec.config, situation) <= USED_SHARE * memory


def _memory_of_one(device: Device) -> int:
    if device.kind == "cuda":
        return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)
    return int(psutil.virtual_memory().total // world_size())
