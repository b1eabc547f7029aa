"""The JSON of jobs over REST: what a client sends and what it gets, with words for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Self, Union

from django.urls import reverse
from ninja import Field, Schema
from pydantic import ConfigDict, Discriminator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from adapters.models import AdapterVersion
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import Sample, Score
from finetune_app.jobs.many_processes import MOST_GPUS
from finetune_app.jobs.methods import METHODS, AnyConfig, load_config
from finetune_app.jobs.models import Attempt, Job, MetricPoint
from finetune_app.jobs.option_remarks import remarks
from finetune_app.jobs.priorities import Priority, priority_of
from finetune_app.jobs.states import AttemptState, JobState, Phase

ANY_OPTIONS = Annotated[Union[tuple(method.options for method in METHODS.values())], Discriminator("method")]  # type: ignore[valid-type]  # noqa: UP007 - only known at run time


class DocumentedAsTrainingConfig:
    """Any JSON object, shown in OpenAPI as the options of one of the methods, which `method` names.

    `parse_config` checks it, not ninja: so REST answers a wrong option with the same sentence as the form.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as `source`, describe as the methods' options."""
        plain = SchemaValidator(handler(source))
        return core_schema.no_info_wrap_validator_function(
            lambda value, _as_config: plain.validate_python(value), handler.generate_schema(ANY_OPTIONS)
        )


class JobIn(Schema):
    """A job to queue."""

    model_config = ConfigDict(extra="forbid")

    adapter: str = Field(description="Name of the adapter; the job makes its next version, or its first.")
    dataset: str = Field(description="`name` for the newest version of a dataset, or `name@2`.")
    base_model: str = Field(description="`name` for the newest revision of a base model, or `name@2`.")
    config: Annotated[dict[str, Any], DocumentedAsTrainingConfig] = Field(
        {}, description="Options that differ from their defaults."
    )
    continues: str | None = Field(
        None,
        description="An adapter version, `name@3`, whose weights the run starts with: of the same base content and the "
        "same LoRA options.",
    )
    gpus: int = Field(
        1,
        ge=1,
        le=MOST_GPUS,
        description="How many GPUs of one machine share each step's rows; on a CPU worker: processes. The effective "
        "batch stays what it is, so it must be a multiple.",
    )
    priority: Priority = Field(Priority.NORMAL, description="Of two waiting jobs the higher one starts first.")


class RetryIn(Schema):
    """How an ended job is tried again."""

    model_config = ConfigDict(extra="forbid")

    config: Annotated[dict[str, Any], DocumentedAsTrainingConfig] = Field(
        {}, description="Options that are to be other than they were."
    )
    from_checkpoint: bool = Field(
        True,
        description="Go on from the last checkpoint: then only options may change that its weights and its optimizer "
        "do not depend on. False: start from the beginning.",
    )


class CauseOut(Schema):
    """Why a job failed."""

    code: Cause = Field(description="Stable.")
    message: str = Field(description="One sentence, with what to do next.")


class AdapterVersionOut(Schema):
    """What a job made."""

    adapter: str
    version: int
    url: str = Field(description="Of this version in the REST API.")

    @classmethod
    def of(cls, version: AdapterVersion) -> Self:
        """The answer for `version`."""
        name = version.adapter.name
        url = f"{reverse('api:api-root')}adapters/{name}/versions/{version.number}"
        return cls(adapter=name, version=version.number, url=url)


class AttemptOut(Schema):
    """One try on one worker."""

    number: int
    state: AttemptState
    worker: str
    resumed_step: int = Field(description="The step of the checkpoint that it began from; 0 from the start.")
    started_at: datetime
    finished_at: datetime | None


class ScoresOut(Schema):
    """Base and tuned model on the same held-out rows."""

    rows: int = Field(description="How many rows were scored.")
    base: Score
    tuned: Score
    samples: list[Sample] = Field(description="Some rows with both answers.")


class JobOut(Schema):
    """A job."""

    number: int = Field(description="Unique in the workspace; the job's address.")
    state: JobState
    phase: Phase | None = Field(description="What the running attempt is doing now.")
    done: int = Field(description="Of `total`, in the phase; steps while it is training.")
    total: int = Field(description="0 when the size of the phase is unknown.")
    cause: CauseOut | None = Field(description="Why it failed.")
    adapter: str = Field(description="The name that its result gets.")
    adapter_version: AdapterVersionOut | None = Field(description="What it made.")
    dataset: str = Field(description="`name@version`")
    base_model: str = Field(description="`name@revision`")
    continues: str | None = Field(description="The adapter version that it started with, `name@version`.")
    retrains: str | None = Field(description="The version of an older base revision whose recipe it repeats.")
    recipe_digest: str = Field(description="SHA-256 of rows, config and seed.")
    retry_of: int | None = Field(description="The number of the job that it is a retry of.")
    priority: Priority = Field(description="Of two waiting jobs the higher one starts first.")
    gpus: int = Field(description="How many GPUs of one machine it takes; on a CPU worker: processes.")
    memory_bytes: int | None = Field(description="The least that a device must have, as predicted.")
    config: AnyConfig = Field(description="Every option, also those that were left at their default.")
    scores: ScoresOut | None
    facts: dict[str, Any] = Field(description="What the worker chose and measured.")
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def values_of(job: Job) -> dict[str, Any]:
        """The answer's values for `job`."""
        return {
            "number": job.number,
            "state": job.state,
            "phase": job.phase or None,
            "done": job.done,
            "total": job.total,
            "cause": {"code": job.cause_code, "message": job.cause} if job.cause_code else None,
            "adapter": job.adapter_name,
            "adapter_version": AdapterVersionOut.of(job.adapter_version) if job.adapter_version else None,
            "dataset": str(job.dataset_version),
            "base_model": str(job.base_revision),
            "continues": str(job.continues) if job.continues else None,
            "retrains": str(job.retrains) if job.retrains else None,
            "recipe_digest": job.recipe_digest,
            "retry_of": job.retry_of.number if job.retry_of else None,
            "priority": priority_of(job.priority),
            "gpus": job.gpus,
            "memory_bytes": job.memory_bytes,
            "config": job.config,
            "scores": job.scores,
            "facts": job.facts,
            "created_by": job.created_by.username if job.created_by else None,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        }

    @classmethod
    def of(cls, job: Job) -> Self:
        """The answer for `job`."""
        return cls(**cls.values_of(job))


class RemarkOut(Schema):
    """A remark on an option: no error, but good to know."""

    option: str
    text: str


class JobDetailOut(JobOut):
    """A job with its attempts."""

    attempts: list[AttemptOut] = Field(description="Oldest first; more than one when a worker was lost.")
    remarks: list[RemarkOut] = Field(description="What a later step cannot do with the chosen options.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The answer for `job`."""
        found = [RemarkOut(option=item.option, text=item.text) for item in remarks(load_config(job.config))]
        attempts = [
            AttemptOut.model_validate(attempt, from_attributes=True)
            for attempt in Attempt.objects.filter(job=job).order_by("number")
        ]
        return cls(**cls.values_of(job), attempts=attempts, remarks=found)


class JobsOut(Schema):
    """A page of jobs."""

    items: list[JobOut]
    count: int = Field(description="Of all that match.")


class PointOut(Schema):
    """What one optimizer step measured."""

    step: int
    epoch: float
    loss: float | None = Field(description="Mean over the step's trained tokens; null when it was not finite.")
    learning_rate: float
    grad_norm: float | None = Field(description="Null when it was not finite.")
    tokens: int = Field(description="Seen since training began.")
    seconds: float = Field(description="Since training began.")
    extra: dict[str, float | None] = Field(description="What the method measures beyond that: rewards, margins.")

    @classmethod
    def of(cls, point: MetricPoint) -> Self:
        """The answer for `point`."""
        return cls.model_validate(point, from_attributes=True)


class MetricsOut(Schema):
    """The points of a job, or of one of its attempts, in the order of their steps."""

    attempt: int | None = Field(description="The attempt that was named; null for the job's whole curve.")
    items: list[PointOut]
    count: int
