"""How a dataset version is made of others: the steps, in the order in which they are applied. Pure.

The steps are the JSON body of the REST call, what the page's form becomes, what the worker's child reads, and what the
new version keeps as its origin.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ROWS_NAMED_AT_ONCE = 10_000
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, description="The same seed gives the same rows, on every machine.")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(gt=0, lt=1)]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DropRows(_Step):
    """Leave out rows by their number in the version itself; rows that come from `also` stay."""

    rows: list[Annotated[int, Field(ge=1)]] = Field(
        [], max_length=ROWS_NAMED_AT_ONCE, description="Row numbers from 1. Or name a list of them with `sha256`."
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="A stored list of row numbers, one on each line."
    )
    reasons: dict[str, Count] = Field({}, description="How many of them for which reason; kept with the version.")

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if bool(self.rows) == (self.sha256 is not None):
            raise ValueError("Name the rows either with “rows” or with “sha256”.")
        return self


class Where(_Step):
    """Keep the rows that meet every condition given."""

    split: Literal["train", "held_out", "none"] | None = Field(None, description="What the row names; `none`: nothing.")
    contains: str | None = Field(None, min_length=1, max_length=1000, description="In any text; case does not matter.")
    min_characters: Count | None = Field(None, description="In all texts of the row together.")
    max_characters: Count | None = None
    min_messages: Count | None = Field(None, description="The answer counts as one.")
    max_messages: Count | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if all(value is None for value in self.model_dump().values()):
            raise ValueError("Give at least one condition.")
        for least, most in (
            (self.min_characters, self.max_characters),
            (self.min_messages, self.max_messages),
        ):
            if least is not None and most is not None and least > most:
                raise ValueError("The smallest number is larger than the largest.")
        return self


class Sample(_Step):
    """Keep some rows by chance: exactly `n` (or all, when there are fewer), or about a share of them."""

    n: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    share: Share | None = Field(None, description="0–1.")
    seed: Seed = 42

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.n is None) == (self.share is None):
            raise ValueError("Give either “n” or “share”.")
        return self


class Shuffle(_Step):
    """Bring the rows into a random order."""

    seed: Seed = 42


class SplitRows(_Step):
    """Write `split` into each row: by a share, where equal rows are always on one side, or by a column's values."""

    share: Share | None = Field(None, description="How much is held out, 0–1.")
    seed: Seed = 42
    column: str | None = Field(None, min_length=1, max_length=200, description="A key of the rows.")
    held_out: list[str] = Field([], max_length=100, description="The values of `column` whose rows are held out.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.share is None) == (self.column is None):
            raise ValueError("Give either “share” or “column”.")
        if bool(self.held_out) != (self.column is not None):
            raise ValueError("Give “column” and “held_out” together.")
        return self


class Derivation(_Step):
    """What becomes of a version's good rows, step by step in this order. A step that is not given is left out."""

    into: str | None = Field(None, description="The dataset that gets the new version; by default the same one.")
    also: list[str] = Field(
        [], max_length=50, description="`name` or `name@2`: versions of the same form whose rows follow."
    )
    drop_rows: DropRows | None = None
    where: Where | None = None
    sample: Sample | None = None
    shuffle: Shuffle | None = None
    split: SplitRows | None = None

    @property
    def has_steps(self) -> bool:
        """Whether anything is done to the rows."""
        return any((self.also, self.drop_rows, self.where, self.sample, self.shuffle, self.split))

    def as_json(self) -> dict[str, Any]:
        """Only what was given, in the order of the steps."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"into"})


class Parent(BaseModel):
    """A version whose rows are taken; a later one of the same name has another content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    sha256: str


class DeriveParams(BaseModel):
    """The params of a derive task: everything pinned, so that the same params always make the same bytes.

    Attributes:
        into: the dataset that gets the version.
        parents: the version itself first, then those of `also`.
        steps: `Derivation` without `into`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    into: str
    parents: list[Parent]
    steps: Derivation


def say_steps(steps: Derivation) -> dict[str, str]:
    """What is done to the rows in words, one sentence for each step, by its name and in its order."""
    said = {}
    if steps.drop_rows:
        said["drop_rows"] = _say_drop(steps.drop_rows)
    if steps.where:
        said["where"] = f"Kept rows {' and '.join(_say_where(steps.where))}."
    if steps.sample:
        size = f"{steps.sample.n:,} rows" if steps.sample.n else f"about {_percent(steps.sample.share)} of the rows"
        said["sample"] = f"Kept {size} by chance, seed {steps.sample.seed}."
    if steps.shuffle:
        said["shuffle"] = f"Shuffled, seed {steps.shuffle.seed}."
    if steps.split:
        said["split"] = _say_split(steps.split)
    return said


def _say_drop(step: DropRows) -> str:
    reasons = ", ".join(f"{code.replace('_', ' ')}: {count:,}" for code, count in step.reasons.items())
    return f"Dropped chosen rows{f' ({reasons})' if reasons else ''}."


def _say_where(step: Where) -> list[str]:
    splits = {"train": "marked “train”", "held_out": "marked “held_out”", "none": "without a split"}
    conditions = [
        (step.split, splits.get(step.split or "", "")),
        (step.contains, f"with “{step.contains}”"),
        (step.min_characters, f"of at least {step.min_characters or 0:,} characters"),
        (step.max_characters, f"of at most {step.max_characters or 0:,} characters"),
        (step.min_messages, f"of at least {step.min_messages or 0:,} messages"),
        (step.max_messages, f"of at most {step.max_messages or 0:,} messages"),
    ]
    return [words for value, words in conditions if value is not None]


def _say_split(step: SplitRows) -> str:
    if step.share is not None:
        return f"Held out about {_percent(step.share)}, seed {step.seed}."
    values = " or ".join(f"“{value}”" for value in step.held_out)
    return f"Held out the rows whose “{step.column}” is {values}."


def _percent(share: float | None) -> str:
    return f"{(share or 0) * 100:.2f}".rstrip("0").rstrip(".") + "\u00a0%"
