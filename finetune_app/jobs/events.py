"""What a child program prints, one JSON object a line, and what the live page shows. Pure.

A child prints an `Event` without number or time. The supervisor numbers it from 1 within its attempt, stamps it and
passes it on as a `Record`; from there to the screen the record's JSON never changes.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import JobState, Phase


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")


Text = Annotated[str, AfterValidator(_without_nul)]
"""What a model or a library said: PostgreSQL keeps no NUL in text or JSON, and a model may well write one."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class LogEvent(_Event):
    """One line for people."""

    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class PhaseEvent(_Event):
    """The attempt enters a phase, or moves on in it: `done` of `total` (0 when the size is unknown)."""

    type: Literal["phase"] = "phase"
    phase: Phase
    done: int = 0
    total: int = 0


class PlanEvent(_Event):
    """Everything that the child chose by itself (device, dtypes, attention, versions, parameter and row counts)."""

    type: Literal["plan"] = "plan"
    facts: dict[str, Any]


class StepEvent(_Event):
    """One optimizer step. `loss` is the mean over the step's trained tokens; `seconds` since training began.

    `tokens` and `seconds` count on over attempts. `extra` is what a method measures beyond that (rewards, margins).
    """

    type: Literal["step"] = "step"
    step: int
    total_steps: int
    epoch: float
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    tokens: int
    seconds: float
    extra: dict[str, float | None] = {}


class Answer(_Event):
    """What the model answers to one of the fixed prompts at this point of its training."""

    prompt: Text
    expected: Text
    answer: Text


class HeldOutEvent(_Event):
    """The held-out rows at one step of training: loss in nats per learned token, accuracy as a share 0–1.

    `best` tells whether no earlier evaluation of the run was better; `seconds` is what looking took.
    """

    type: Literal["held_out"] = "held_out"
    step: int
    epoch: float
    loss: float | None
    token_accuracy: float | None = None
    rows: int
    best: bool
    seconds: float
    answers: list[Answer] = []


class CheckpointEvent(_Event):
    """All that is needed to go on from `step` lies whole in `folder`, a name inside the run folder.

    `best` marks the one with the lowest held-out loss so far; `loss` is that loss, null when nothing was held out.
    """

    type: Literal["checkpoint"] = "checkpoint"
    step: int
    folder: str
    best: bool = False
    loss: float | None = None


class Score(_Event):
    """One model on the held-out rows; shares are 0–1, loss is nats per answer token. None is what was not measured.

    `pair_accuracy` is the share of preferences in which the chosen answer is likelier than the rejected one as a whole,
    or gets the higher score of a reward model.
    """

    exact_match: float | None = None
    token_accuracy: float | None = None
    loss: float | None = None
    pair_accuracy: float | None = None


class Sample(_Event):
    """One held-out row with both answers."""

    prompt: Text
    expected: Text
    base: Text
    tuned: Text


class EvaluationEvent(_Event):
    """The held-out scores of base and tuned model, measured on the same rows."""

    type: Literal["evaluation"] = "evaluation"
    rows: int
    base: Score
    tuned: Score
    samples: list[Sample] = []


class DoneEvent(_Event):
    """The child finished; its files lie in its output folder. `facts` go into the lineage (peak memory, speed)."""

    type: Literal["done"] = "done"
    facts: dict[str, Any] = {}


class ErrorEvent(_Event):
    """The child gives up: the cause's code and what exactly happened."""

    type: Literal["error"] = "error"
    code: Cause
    detail: Text = ""


class StateEvent(_Event):
    """The job changed state; written by the supervisor as the last line of an attempt."""

    type: Literal["state"] = "state"
    state: JobState
    text: str = ""


Event = Annotated[
    LogEvent
    | PhaseEvent
    | PlanEvent
    | StepEvent
    | HeldOutEvent
    | CheckpointEvent
    | EvaluationEvent
    | DoneEvent
    | ErrorEvent
    | StateEvent,
    Field(discriminator="type"),
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Record(BaseModel):
    """One numbered event as it is kept and sent."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    number: int
    time: float
    event: Event

    @property
    def id(self) -> str:
        """The server-sent event id, `attempt:number`."""
        return f"{self.attempt}:{self.number}"


def parse_line(line: str) -> Event:
    """The event in a child's line; a line that is none (a library's own print) becomes a `LogEvent`."""
    try:
        return _EVENT.validate_json(line)
    except ValidationError:
        return LogEvent(text=line.rstrip("\n"))


def event_line(event: Event) -> str:
    """The line that a child prints for `event`, without the newline."""
    return event.model_dump_json()
