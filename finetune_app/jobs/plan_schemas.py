"""The JSON of a plan over REST: what a job would need, before it is queued."""

from typing import Any, Self

from ninja import Field, Schema

from finetune_app.jobs.plan.fit import Change, Verdict
from finetune_app.jobs.plan.memory_model import Memory
from finetune_app.jobs.services.predict_job import DevicePrediction, Prediction


class MemoryOut(Schema):
    """The parts of the peak, in bytes."""

    weights: int
    adapter: int = Field(description="What is trained, with its gradient.")
    optimizer: int = Field(description="Its states and float32 copies.")
    activations: int
    logits: int
    other: int
    context: int = Field(description="Of the device's driver; the measured peak does not show it.")
    peak: int = Field(description="What the trainer would measure.")

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """The answer for `memory`."""
        return cls(**vars(memory), peak=memory.peak_bytes)


class ChangeOut(Schema):
    """The smallest change with which the job would fit."""

    config: dict[str, Any] = Field(description="Options to change.")
    text: str

    @classmethod
    def of(cls, change: Change) -> Self:
        """The answer for `change`."""
        return cls(config=change.options, text=change.text)


class DevicePlanOut(Schema):
    """The job on one kind of device."""

    device: str
    kind: str = Field(description="`cuda` or `cpu`.")
    workers: int = Field(description="How many of them are online.")
    memory_bytes: int = Field(description="What the device has.")
    needed_bytes: int = Field(description="What the job needs of it, scoring and the driver's part included.")
    verdict: Verdict = Field(description="`tight` is above 85 % of the device.")
    memory: MemoryOut
    evaluation_bytes: int = Field(description="What scoring afterwards needs.")
    per_device_train_batch_size: int = Field(description="As the worker would choose it.")
    gradient_accumulation_steps: int
    gradient_checkpointing: bool
    steps: int
    seconds: float = Field(description="Of training.")
    tokens_per_second: float = Field(description="Real tokens, no padding.")
    memory_factor: float = Field(description="By what earlier jobs corrected the memory.")
    speed_factor: float = Field(description="By what they corrected the speed.")
    learned_from: int = Field(description="From how many earlier jobs.")
    change: ChangeOut | None

    @classmethod
    def of(cls, found: DevicePrediction) -> Self:
        """The answer for `found`."""
        plan, device = found.fit.plan, found.device
        return cls(
            device=device.name,
            kind=device.kind,
            workers=found.workers,
            memory_bytes=device.memory_bytes,
            needed_bytes=plan.needed_bytes,
            verdict=found.fit.verdict,
            memory=MemoryOut.of(plan.memory),
            evaluation_bytes=plan.evaluation_bytes,
            per_device_train_batch_size=plan.config.per_device_train_batch_size,
            gradient_accumulation_steps=plan.config.gradient_accumulation_steps,
            gradient_checkpointing=plan.config.gradient_checkpointing,
            steps=plan.time.steps,
            seconds=round(plan.time.seconds, 1),
            tokens_per_second=round(plan.time.tokens_per_second, 1),
            memory_factor=round(found.learned.memory, 3),
            speed_factor=round(found.learned.speed, 3),
            learned_from=found.learned.jobs,
            change=ChangeOut.of(found.fit.change) if found.fit.change else None,
        )


class PlanOut(Schema):
    """What a job would need."""

    known: bool = Field(description="False when the base's architecture is unknown to the plan; then nothing is said.")
    online: bool = Field(description="Whether these are workers that are online; else common GPUs.")
    counted: bool = Field(description="Whether the rows' tokens were counted; else their lengths are assumed.")
    devices: list[DevicePlanOut]

    @classmethod
    def of(cls, prediction: Prediction | None) -> Self:
        """The answer for `prediction`."""
        if prediction is None:
            return cls(known=False, online=False, counted=False, devices=[])
        devices = [DevicePlanOut.of(found) for found in prediction.devices]
        return cls(known=True, online=prediction.is_online, counted=prediction.counted, devices=devices)
