"""What two tokenizers differ in: tokens that came, went or got other ids, special tokens, and how text is cut. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base_texts import TOKENIZER, TOKENIZER_FILES, Texts, canonical_tokenizer, json_in, special_tokens

PADDING = "pad_token"
Ids = dict[str, int]


@dataclass(frozen=True)
class MovedToken:
    """A token whose id changed."""

    text: str
    old: int
    new: int


@dataclass(frozen=True)
class SpecialChange:
    """A special token, or whether it is added to every text, by its role; None where there was or is none.

    `is_added` is True when all that was special stays so: more of them, or padding where there was none.
    """

    role: str
    old: Any
    new: Any
    is_added: bool


@dataclass(frozen=True)
class TokenizerDiff:
    """What the new tokenizer changes of the old one.

    `other` names the parts of the tokenizer that changed and decide how text is cut: `merges`, `normalizer`, …
    """

    added: tuple[tuple[str, int], ...] = ()
    removed: tuple[tuple[str, int], ...] = ()
    moved: tuple[MovedToken, ...] = ()
    special: tuple[SpecialChange, ...] = ()
    other: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.special or self.other)

    @property
    def only_adds(self) -> bool:
        """True when every old token keeps its id and its role and text is cut as before, but for new tokens in it."""
        return not (self.removed or self.moved or self.other) and all(change.is_added for change in self.special)


@dataclass
class _Tokenizer:
    ids: Ids = field(default_factory=dict)
    merges: list[Any] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)  # whatever else decides how text is cut


def compare_tokenizers(old: Texts, new: Texts) -> TokenizerDiff:
    """What the tokenizer of the base with the files `new` changes of that with the files `old`.

    Raises:
        UserError: a file is not what its name says.
    """
    before, after = _read(old), _read(new)
    return TokenizerDiff(
        added=tuple(sorted(((t, i) for t, i in after.ids.items() if t not in before.ids), key=lambda item: item[1])),
        removed=tuple(sorted(((t, i) for t, i in before.ids.items() if t not in after.ids), key=lambda item: item[1])),
        moved=tuple(
            MovedToken(text, number, after.ids[text])
            for text, number in before.ids.items()
            if after.ids.get(text, number) != number
        ),
        special=tuple(_special_changes(special_tokens(old), special_tokens(new))),
        other=tuple(_other_changes(before, after)),
    )


def _special_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[SpecialChange]:
    roles = [role for role in sorted(old.keys() | new.keys()) if old.get(role) != new.get(role)]
    return [SpecialChange(role, old.get(role), new.get(role), _keeps(role, old.get(role), new)) for role in roles]


def _keeps(role: str, before: Any, new: Mapping[str, Any]) -> bool:
    after = new.get(role)
    if before is None:
        return role == PADDING or isinstance(after, list)
    return isinstance(before, list) and isinstance(after, list) and all(token in after for token in before)


def _other_changes(old: _Tokenizer, new: _Tokenizer) -> list[str]:
    changed = [
        name for name in sorted(old.parts.keys() | new.parts.keys()) if old.parts.get(name) != new.parts.get(name)
    ]
    if new.merges[: len(old.merges)] != old.merges:
        changed.append("merges")
    if any(new.scores.get(token, score) != score for token, score in old.scores.items()):
        changed.append("scores of tokens")
    if any(new.flags.get(token, flags) != flags for token, flags in old.flags.items()):
        changed.append("flags of added tokens")
    return changed


def _read(texts: Texts) -> _Tokenizer:
    if TOKENIZER in texts:
        return _fast(canonical_tokenizer(texts))
    found = _Tokenizer(parts={name: texts[name] for name in TOKENIZER_FILES if name in texts})
    if "vocab.json" in texts:
        del found.parts["vocab.json"]
        found.ids = _ids(json_in(texts, "vocab.json"))
    if "vocab.txt" in texts:
        del found.parts["vocab.txt"]
        found.ids = {token: number for number, token in enumerate(_lines(texts["vocab.txt"]))}
    if "merges.txt" in texts:
        del found.parts["merges.txt"]
        found.merges = [line for line in _lines(texts["merges.txt"]) if not line.startswith("#version")]
    found.ids |= _ids(json_in(texts, "added_tokens.json"))
    return found


def _fast(tokenizer: Mapping[str, Any]) -> _Tokenizer:
    """The one of tokenizer.json."""
    model = tokenizer.get("model")
    model = dict(model) if isinstance(model, Mapping) else {}
    found = _Tokenizer(merges=list(model.pop("merges", None) or []))
    vocabulary = model.pop("vocab", None)
    if isinstance(vocabulary, Mapping):
        found.ids = _ids(vocabulary)
    elif isinstance(vocabulary, Sequence):  # Unigram: a token's place is its id
        pairs = [(str(item[0]), float(item[1])) for item in vocabulary if isinstance(item, Sequence) and len(item) > 1]
        found.ids = {token: number for number, (token, _) in enumerate(pairs)}
        found.scores = dict(pairs)
    for token in tokenizer.get("added_tokens") or []:
        found.ids[str(token["content"])] = int(token["id"])
        found.flags[str(token["content"])] = {
            key: value for key, value in token.items() if key not in {"id", "content"}
        }
    found.parts = {f"model.{key}": value for key, value in model.items()}
    found.parts |= {key: value for key, value in tokenizer.items() if key not in {"model", "added_tokens"}}
    return found


def _ids(vocabulary: Mapping[str, Any]) -> Ids:
    return {str(token): int(number) for token, number in vocabulary.items()}


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", errors="replace").splitlines()
