"""What the REST API says about two revisions of a base model."""

from typing import Any, Self

from ninja import Field, Schema

from adapters.base_diff import BaseDiff
from adapters.tensor_diff import Difference

MOST_TOKENS = 1_000  # of each kind; `count` has them all


class TensorChangeOut(Schema):
    """A tensor that differs."""

    name: str
    difference: Difference = Field(description="Of several, the one that says the most.")
    old: str = Field(description="Type and shape, `BF16 [576,1536]`; empty where it is not.")
    new: str


class ConfigChangeOut(Schema):
    """A key of config.json that differs."""

    key: str = Field(description="Inner keys with dots.")
    old: Any = Field(description="null where it is not there.")
    new: Any
    is_mathematics: bool = Field(description="Whether it changes what the model computes.")


class TokensOut(Schema):
    """Tokens with their ids."""

    count: int
    tokens: list[tuple[str, int]] = Field(description=f"The first {MOST_TOKENS}.")


class MovedTokenOut(Schema):
    """A token whose id changed."""

    text: str
    old: int
    new: int


class SpecialChangeOut(Schema):
    """A special token that changed, by its role."""

    role: str
    old: Any
    new: Any
    is_added: bool = Field(description="All that was special stays so.")


class TokenizerDiffOut(Schema):
    """What differs between the tokenizers."""

    only_adds: bool = Field(description="Every old token keeps its id and role.")
    added: TokensOut
    removed: TokensOut
    moved: list[MovedTokenOut] = Field(description=f"The first {MOST_TOKENS}.")
    moved_count: int
    special: list[SpecialChangeOut]
    other: list[str] = Field(description="Parts that decide how text is cut: `merges`, `normalizer`, …")


class TextLineOut(Schema):
    """A line of the two texts."""

    mark: str = Field(description="`+`, `-`, a space for a line around those, `@` where some are left out.")
    text: str


class BaseDiffOut(Schema):
    """What the new revision changes of the old one."""

    old: str
    new: str
    is_same: bool
    tensors: list[TensorChangeOut]
    config: list[ConfigChangeOut]
    tokenizer: TokenizerDiffOut
    chat_template: list[TextLineOut] = Field(description="Empty when it is the same.")
    code: list[str] = Field(description="Python files of the base that came, went or changed.")

    @classmethod
    def of(cls, old: str, new: str, diff: BaseDiff) -> Self:
        """The answer for `diff`."""
        tokens = diff.tokenizer
        return cls(
            old=old,
            new=new,
            is_same=not diff,
            tensors=[TensorChangeOut(**vars(change)) for change in diff.tensors],
            config=[ConfigChangeOut(**vars(change)) for change in diff.config],
            tokenizer=TokenizerDiffOut(
                only_adds=tokens.only_adds,
                added=TokensOut(count=len(tokens.added), tokens=list(tokens.added[:MOST_TOKENS])),
                removed=TokensOut(count=len(tokens.removed), tokens=list(tokens.removed[:MOST_TOKENS])),
                moved=[MovedTokenOut(**vars(token)) for token in tokens.moved[:MOST_TOKENS]],
                moved_count=len(tokens.moved),
                special=[SpecialChangeOut(**vars(change)) for change in tokens.special],
                other=list(tokens.other),
            ),
            chat_template=[TextLineOut(**vars(line)) for line in diff.template],
            code=diff.code,
        )
