"""What a list of versions can be narrowed by and how it is ordered: one definition for the page and REST. Pure."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from adapters.scores import MEASURES
from adapters.states import VersionOrigin, VersionStatus
from finetune_app.errors import UserError
from finetune_app.names import split_reference

IN_USE: Final = ""
ANY_STATUS: Final = "any"
Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120, pattern=r"^[^\x00]*$")]
Measure = StrEnum("Measure", {key.upper(): key for key, _, _ in MEASURES})  # type: ignore[misc]
LOWER_IS_BETTER = frozenset({"loss"})


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    BEST = "best"
    WORST = "worst"


BY_SCORE = frozenset({Order.BEST, Order.WORST})


class VersionFilters(BaseModel):
    """Everything that is left out does not narrow."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    q: Word = Field("", description="Words in the name, a tag, or the beginning of the notes; all must be there.")
    adapter: Word = Field("", description="Its adapter's name.")
    base: Word = Field("", description="Base model, `name` or `name@revision`.")
    dataset: Word = Field("", description="`name` or `name@version`.")
    metric: Measure | None = Field(None, description="Its most telling measure.")
    min_score: float | None = Field(None, allow_inf_nan=False, description="Of `metric`, at least; shares are 0–1.")
    max_score: float | None = Field(None, allow_inf_nan=False, description="Of `metric`, at most.")
    method: Word = Field("", description="Of fine-tuning, e.g. `dpo`.")
    owner: Word = Field("", description="The username of who made it.")
    alias: Word = Field("", description="What it is called by an alias now.")
    tag: Word = ""
    status: VersionStatus | Literal["", "any"] = Field(
        IN_USE, description="Left out: all but retired ones; `any`: those too."
    )
    origin: VersionOrigin | None = Field(None, description="How it came to be.")
    made_from: date | None = Field(None, description="The first day, UTC.")
    made_to: date | None = Field(None, description="The last day, UTC.")
    order: Order = Field(Order.NEWEST, description="`best` and `worst` need a `metric`.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for field in ("base", "dataset"):
            if reference := getattr(self, field):
                try:
                    split_reference(reference, field=field)
                except UserError as error:
                    raise ValueError(f"{field}: {error.message}") from error
        if self.metric is None and (self.min_score is not None or self.max_score is not None):
            raise ValueError("metric: Choose the measure that the score is of.")
        if self.metric is None and self.order in BY_SCORE:
            raise ValueError("metric: Choose the measure to order by.")
        if self.made_from and self.made_to and self.made_to < self.made_from:
            raise ValueError("made_to: The last day comes before the first.")
        return self

    @property
    def given(self) -> dict[str, str]:
        """Those that narrow or order, as they stand in an address."""
        return {name: str(value) for name, value in self.model_dump(exclude_defaults=True, mode="json").items()}

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for but an order."""
        return bool(self.given.keys() - {"order"})

    def address(self, **more: str | int) -> str:
        """The query string of this list: `?base=tiny&order=best`, or "?"."""
        return f"?{urlencode({**self.given, **more})}"


def read_filters(values: Mapping[str, str]) -> tuple[VersionFilters, dict[str, str]]:
    """The filters in an address, and a sentence for each field that cannot be read; without them when there is one."""
    given: dict[str, Any] = {name: value for name, value in values.items() if value.strip()}
    try:
        return VersionFilters.model_validate(given), {}
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors()]
        return VersionFilters(), dict(problems)


def _problem(item: Any) -> tuple[str, str]:
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["loc"]:
        return str(item["loc"][0]), message
    field, _, sentence = message.partition(": ")
    return field, sentence
