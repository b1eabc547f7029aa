"""What kind of change one base revision is against another: from their digests and, where these differ, facts. Pure.

Digests say that something differs; how grave it is, the tensors' shapes and the two tokenizers say. They are asked for
only then: for most pairs the digests are enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.base_texts import Texts
from adapters.states import HARD_CHANGES, ChangeKind
from adapters.tokenizer_diff import compare_tokenizers

HARD_WORDS = {
    ChangeKind.WEIGHTS: "weights",
    ChangeKind.ARCHITECTURE: "architecture",
    ChangeKind.TOKENIZER: "tokenizer",
}
SOFT_WORDS = {ChangeKind.CHAT_TEMPLATE: "chat template", ChangeKind.TOKENIZER_ADDED: "added tokens"}
SHAPE_FIELDS = 3  # of a leaf's line: name, dtype, shape; the digest of the bytes follows


class Digests(Protocol):
    """Whatever names the four digests: a `BaseRevision`, a manifest's `BaseIdentity`, a `Fingerprint`."""

    @property
    def weights_root(self) -> str: ...  # noqa: D102
    @property
    def arch_digest(self) -> str: ...  # noqa: D102
    @property
    def tokenizer_digest(self) -> str: ...  # noqa: D102
    @property
    def chat_template_digest(self) -> str: ...  # noqa: D102


def _unknown() -> None:
    return None


@dataclass(frozen=True)
class BaseFacts:
    """A base revision: its digests, and how to get the facts behind them, None where nobody has them (any more)."""

    digests: Digests
    leaf_lines: Callable[[], bytes | None] = _unknown
    texts: Callable[[], Texts | None] = _unknown


@dataclass(frozen=True)
class Difference:
    """All that differs between two bases, the gravest first."""

    kinds: tuple[ChangeKind, ...]

    @property
    def kind(self) -> ChangeKind:
        """The gravest; `metadata` when none of the digests differs."""
        return self.kinds[0] if self.kinds else ChangeKind.METADATA

    @property
    def is_hard(self) -> bool:
        """True when an adapter of the one must not be put on the other."""
        return self.kind in HARD_CHANGES

    @property
    def hard_words(self) -> list[str]:
        """What forbids it, e.g. `weights`."""
        return [HARD_WORDS[kind] for kind in self.kinds if kind in HARD_WORDS]

    @property
    def soft_words(self) -> list[str]:
        """What asks for a new look, e.g. `chat template`."""
        return [SOFT_WORDS[kind] for kind in self.kinds if kind in SOFT_WORDS]


def compare(old: BaseFacts, new: BaseFacts) -> Difference:
    """What `new` has otherwise than `old`."""
    before, after = old.digests, new.digests
    kinds = []
    if before.arch_digest != after.arch_digest or _other_shapes(old, new):
        kinds.append(ChangeKind.ARCHITECTURE)
    if before.weights_root != after.weights_root:
        kinds.append(ChangeKind.WEIGHTS)
    if before.tokenizer_digest != after.tokenizer_digest:
        kinds.append(ChangeKind.TOKENIZER_ADDED if _only_adds(old, new) else ChangeKind.TOKENIZER)
    if before.chat_template_digest != after.chat_template_digest:
        kinds.append(ChangeKind.CHAT_TEMPLATE)
    order = list(ChangeKind)
    return Difference(tuple(sorted(kinds, key=order.index, reverse=True)))


def classify(old: BaseFacts, new: BaseFacts) -> ChangeKind:
    """The gravest change that `new` is against `old`."""
    return compare(old, new).kind


def _other_shapes(old: BaseFacts, new: BaseFacts) -> bool:
    """Whether tensors came, went or have another shape; another dtype or other values are other weights."""
    if old.digests.weights_root == new.digests.weights_root:
        return False
    before, after = old.leaf_lines(), new.leaf_lines()
    return before is not None and after is not None and _shapes(before) != _shapes(after)


def _shapes(lines: bytes) -> set[tuple[str, str]]:
    fields = (line.split(" ") for line in lines.decode().splitlines())
    return {(parts[0], parts[SHAPE_FIELDS - 1]) for parts in fields if len(parts) >= SHAPE_FIELDS}


def _only_adds(old: BaseFacts, new: BaseFacts) -> bool:
    """Whether the new tokenizer has all of the old one; where one cannot be read, nobody can promise that."""
    before, after = old.texts(), new.texts()
    return before is not None and after is not None and compare_tokenizers(before, after).only_adds
