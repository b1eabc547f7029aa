"""The JSON of the evaluations while a job trains, with words for the OpenAPI document."""

from typing import Self

from ninja import Field, Schema

from finetune_app.jobs.events import Answer
from finetune_app.jobs.models import HeldOutPoint


class HeldOutOut(Schema):
    """The held-out rows at one step of training."""

    attempt: int
    step: int
    epoch: float
    loss: float | None = Field(description="Nats per learned token; null when it was not finite.")
    token_accuracy: float | None = Field(description="A share from 0 to 1; null where the method has none.")
    rows: int = Field(description="How many rows were looked at.")
    best: bool = Field(description="No earlier evaluation of the run was better.")
    seconds: float = Field(description="What looking took.")
    answers: list[Answer] = Field(description="What the model answered to the fixed prompts there.")

    @classmethod
    def of(cls, point: HeldOutPoint) -> Self:
        """The answer for `point`, which was read with its attempt."""
        return cls(
            attempt=point.attempt.number,
            step=point.step,
            epoch=point.epoch,
            loss=point.loss,
            token_accuracy=point.token_accuracy,
            rows=point.rows,
            best=point.best,
            seconds=point.seconds,
            answers=point.answers,
        )


class HeldOutsOut(Schema):
    """The evaluations of a job in the order of their steps; of a step that two attempts reached, the later one."""

    items: list[HeldOutOut]
    count: int
    best_step: int | None = Field(description="The step with the lowest held-out loss.")
