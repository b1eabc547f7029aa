"""The JSON of merged models over REST: what a client sends and what it gets, with words for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Self

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Schema
from pydantic import ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from finetune_app.jobs.states import Phase
from finetune_app.merges.models import MergedModel
from finetune_app.merges.options import MergeOptions
from finetune_app.merges.states import Verdict
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState


class DocumentedAsMergeOptions:
    """Any JSON object, shown in OpenAPI as `MergeOptions`; the service checks it, with the form's own sentences."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as `source`, describe as the options."""
        plain = SchemaValidator(handler(source))
        return core_schema.no_info_wrap_validator_function(
            lambda value, _as_options: plain.validate_python(value), handler.generate_schema(MergeOptions)
        )


class MergeIn(Schema):
    """A merge to make. All of it may be left out."""

    model_config = ConfigDict(extra="forbid")

    options: Annotated[dict[str, Any], DocumentedAsMergeOptions] = Field(
        {}, description="Options that differ from their defaults; the default `dtype` is the base's own."
    )
    base_model: str = Field(
        "",
        description="The revision that it is merged into, `name@2`. Left out: the one that it was trained on. Another "
        "one must have the same weights, architecture and tokenizer.",
    )
    dataset: str = Field(
        "",
        description="Whose rows prove it, `name@2`. Left out: those that the version was trained with, when they are "
        "still here; else general prompts alone.",
    )


class MergedModelOut(Schema):
    """Where a merged model stands. Ask `url` again until `state` is final."""

    reference: str = Field(description="`name@version/number`.")
    adapter: str
    version: int
    number: int = Field(description="Among those of its version.")
    base_model: str = Field(description="`name@revision` that it was merged into.")
    dataset: str | None = Field(description="`name@version` whose rows prove it; null: general prompts alone.")
    options: MergeOptions
    state: TaskState = Field(description="`succeeded` and `failed` are final; a failed one can be tried again.")
    phase: Phase | None = Field(description="What the worker does now; null while nothing is known.")
    done: int = Field(description="Of `total` in this phase; both are 0 while nothing is known.")
    total: int
    error: ErrorOut | None = Field(description="Why it failed; the code is `cancelled` when a person stopped it.")
    verdict: Verdict | None = Field(description="What the proof says; null until then. `/report` has all of it.")
    kl: float | None = Field(description="Mean KL divergence from base with adapter, in nats per token.")
    top1: float | None = Field(description="Share of tokens that both find most likely.")
    size: int = Field(description="Bytes of all files; 0 until it is whole.")
    created_by: str | None
    created_at: datetime
    finished_at: datetime | None
    url: str = Field(description="Where to ask again.")

    @classmethod
    def of(cls, merged: MergedModel, request: HttpRequest) -> Self:
        """As JSON; its address is complete, host and all."""
        version = merged.version
        place = {"name": version.adapter.name, "label": version.number, "merged": merged.number}
        return cls(
            reference=f"{version}/{merged.number}",
            adapter=version.adapter.name,
            version=version.number,
            number=merged.number,
            base_model=str(merged.base_revision),
            dataset=str(merged.dataset_version) if merged.dataset_version else None,
            options=MergeOptions.model_validate(merged.options),
            state=TaskState(merged.state),
            phase=Phase(merged.phase) if merged.phase else None,
            done=merged.done,
            total=merged.total,
            error=_error(merged) if merged.state == TaskState.FAILED else None,
            verdict=Verdict(merged.verdict) if merged.verdict else None,
            kl=merged.result.get("kl"),
            top1=merged.result.get("top1"),
            size=merged.size,
            created_by=str(merged.created_by) if merged.created_by else None,
            created_at=merged.created_at,
            finished_at=merged.finished_at,
            url=request.build_absolute_uri(reverse("api:merged_model", kwargs=place)),
        )


class MergedModelsOut(Schema):
    """A page of merged models, the newest first."""

    items: list[MergedModelOut]
    count: int = Field(description="Of all.")


def _error(merged: MergedModel) -> ErrorOut:
    return ErrorOut(code=merged.error_code, message=merged.error, field=None, details=None)
