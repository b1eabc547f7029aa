"""What a job would need on each kind of worker that is online, before anything is queued."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from adapters.base_texts import CONFIG
from adapters.models import BaseRevision
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.find_lengths import find_lengths
from finetune_app.jobs.estimate import estimate
from finetune_app.jobs.plan.choose import Situation, least_bytes
from finetune_app.jobs.plan.devices import COMMON_GPUS, Device
from finetune_app.jobs.plan.fit import Fit, judge
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.plan.shapes import ModelShape, model_shape
from finetune_app.jobs.services.memory_factor import Learned, learned_factors
from finetune_app.jobs.services.online_devices import online_devices
from finetune_app.jobs.training_config import TrainingConfig
from finetune_app.storage import blobs

# A worker is refused a job only when the prediction, with its error, says that it cannot carry it out at all.
ERROR_SHARE = 0.1


@dataclass(frozen=True)
class DevicePrediction:
    """The job on one kind of device, of which `workers` are online."""

    device: Device
    workers: int
    fit: Fit
    learned: Learned

    @property
    def share(self) -> float:
        """Of the device's memory, 0–1 and above."""
        return self.fit.plan.needed_bytes / max(1, self.device.memory_bytes)


@dataclass(frozen=True)
class Prediction:
    """The job on every kind of device.

    Attributes:
        devices: those that are online, else common GPUs.
        is_online: which of both.
        counted: whether the rows' tokens were counted; else their lengths are assumed from the file's size.
    """

    devices: tuple[DevicePrediction, ...]
    is_online: bool
    counted: bool


def predict_job(version: DatasetVersion, base: BaseRevision, config: TrainingConfig) -> Prediction | None:
    """The job on each kind of worker; None when the base's shape is not known, so that nothing can be said."""
    shape = base_shape(base)
    if shape is None:
        return None
    rows = rows_of(version, base, config)
    online = online_devices()
    devices = online or [(device, 0) for device in COMMON_GPUS]
    found = tuple(_on(device, workers, config, Situation(shape, device, rows)) for device, workers in devices)
    return Prediction(found, is_online=bool(online), counted=rows.counted)


def least_memory(version: DatasetVersion, base: BaseRevision, config: TrainingConfig) -> int | None:
    """The least memory in bytes with which a worker's device can carry the job out; None when nothing can be said.

    Of the kinds of devices that are online the one that needs the least counts.
    """
    shape = base_shape(base)
    if shape is None:
        return None
    rows = rows_of(version, base, config)
    devices = [device for device, _ in online_devices()] or [COMMON_GPUS[0], Device("cpu", "CPU", 0)]
    least = min(least_bytes(config, _corrected(Situation(shape, device, rows), config)[0]) for device in devices)
    return round(least * (1 - ERROR_SHARE))


def _on(device: Device, workers: int, config: TrainingConfig, plain: Situation) -> DevicePrediction:
    situation, learned = _corrected(plain, config)
    return DevicePrediction(device, workers, judge(config, situation), learned)


def _corrected(situation: Situation, config: TrainingConfig) -> tuple[Situation, Learned]:
    learned = learned_factors(situation.device.name, config)
    return replace(situation, memory_factor=learned.memory, speed_factor=learned.speed), learned


def base_shape(base: BaseRevision) -> ModelShape | None:
    """The base's shape, from its config.json in the storage; None when it is not known or the file is lost."""
    try:
        config = base_config(base)
    except (blobs.BlobMissing, blobs.BlobDamaged):
        return None
    return model_shape(config, parameters=base.parameters, modules=base.linear_modules)


def base_config(base: BaseRevision) -> dict[str, Any]:
    """The base's config.json; empty where it has none.

    Raises:
        blobs.BlobMissing: the storage lost it.
        blobs.BlobDamaged: it is not what it was.
    """
    sha256 = next((str(file["sha256"]) for file in base.files if file["path"] == CONFIG), "")
    return _read_config(sha256) if sha256 else {}


@lru_cache(maxsize=64)
def _read_config(sha256: str) -> dict[str, Any]:
    found = json.loads(blobs.read(sha256))
    return found if isinstance(found, dict) else {}


def rows_of(version: DatasetVersion, base: BaseRevision, config: TrainingConfig) -> Rows:
    """The rows to learn from: their real lengths when a worker has counted them for this base, else assumed ones."""
    count = max(1, estimate(version, config).train_rows)
    try:
        lengths = find_lengths(version, base.pk)
    except (blobs.BlobMissing, blobs.BlobDamaged):
        lengths = None
    if lengths is not None:
        lengths = lengths[~lengths["held_out"]]
    if lengths is None or not len(lengths):
        return Rows.assumed(count, version.size * count // max(1, version.rows), config.max_length)
    unlearned = lengths["learned_from"] if config.loss_on == "completion" else lengths["learned_from"] * 0
    return Rows.known(lengths["tokens"], unlearned, count=count)
