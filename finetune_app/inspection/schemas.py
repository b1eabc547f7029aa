"""The JSON of token reports and previews over REST."""

from typing import Literal, Self

from ninja import Field, Schema

from adapters.models import BaseRevision
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.token_report import TokenReport
from finetune_app.inspection.shown_row import Part, ShownRow


class TokenOut(Schema):
    """One token of a row."""

    id: int
    piece: str = Field(description="The text that it stands for; all pieces together are `text`.")
    name: str = Field(description="What the vocabulary calls it.")
    special: bool
    part: Literal["trained", "masked", "cut"] = Field(description="What training does with it.")


class PreviewOut(Schema):
    """One row as the model will see it."""

    dataset: str = Field(description="`name@version`.")
    row: int
    base_model: str = Field(description="`name@revision`.")
    max_length: int
    text: str = Field(description="The row after the chat template.")
    total: int = Field(description="Tokens of the whole row; `tokens` holds at most 131,072 of them.")
    trained: int
    masked: int
    cut: int = Field(description="Tokens beyond the max length.")
    warnings: list[str]
    tokens: list[TokenOut]

    @classmethod
    def of(cls, shown: ShownRow, version: DatasetVersion, base: BaseRevision) -> Self:
        """The row as JSON."""
        counts = shown.counts
        return cls(
            dataset=str(version),
            row=shown.row,
            base_model=str(base),
            max_length=shown.max_length,
            text=shown.text,
            total=shown.total,
            trained=counts[Part.TRAINED],
            masked=counts[Part.MASKED],
            cut=counts[Part.CUT],
            warnings=shown.warnings,
            tokens=[
                TokenOut(id=token.id, piece=token.piece, name=token.name, special=token.special, part=token.part.value)
                for token in shown.tokens
            ],
        )


class BarOut(Schema):
    """One bar of the histogram."""

    start: int = Field(description="Tokens, counted in.")
    end: int | None = Field(description="Tokens, counted in; null for the last bar when it has no end.")
    rows: int


class TokensOut(Schema):
    """What a max length does to the rows that the file does not mark as held out."""

    dataset: str = Field(description="`name@version`.")
    base_model: str = Field(description="`name@revision`.")
    max_length: int
    rows: int
    held_out_rows: int = Field(description="Rows that name the split `held_out`; they are not counted below.")
    tokens: int = Field(description="Within the max length, in one epoch.")
    trained_tokens: int = Field(description="Those of them that are learned from.")
    median: int = Field(description="Tokens of the row in the middle, whole.")
    longest: int = Field(description="Tokens of the longest row, whole.")
    cut_rows: int = Field(description="Rows that lose their end.")
    cut_share: float = Field(description="0–1.")
    empty_rows: int = Field(description="Rows with no token left to learn from; a job refuses them.")
    shortest_max_length: int = Field(description="The one that leaves each row something to learn from.")
    padding_share: float = Field(description="0–1: of what is computed without packing, what is padding, on average.")
    steps: int = Field(description="Optimizer steps in one epoch without packing.")
    packed_sequences: int = Field(description="What the rows become with packing.")
    packed_fill: float = Field(description="0–1: how full they are.")
    packed_steps: int = Field(description="Optimizer steps in one epoch with packing.")
    histogram: list[BarOut]

    @classmethod
    def of(cls, report: TokenReport, version: DatasetVersion, base: BaseRevision) -> Self:
        """The report as JSON."""
        return cls(
            dataset=str(version),
            base_model=str(base),
            max_length=report.max_length,
            rows=report.rows,
            held_out_rows=report.held_out_rows,
            tokens=report.tokens,
            trained_tokens=report.trained_tokens,
            median=report.median,
            longest=report.uncut,
            cut_rows=report.cut_rows,
            cut_share=report.cut_share,
            empty_rows=report.empty_rows,
            shortest_max_length=report.shortest,
            padding_share=report.padding_share,
            steps=report.steps,
            packed_sequences=report.sequences,
            packed_fill=report.fill,
            packed_steps=report.packed_steps,
            histogram=[BarOut(start=bar.start, end=bar.end, rows=bar.rows) for bar in report.bars],
        )
