"""What a base revision changes of another: tensors, config keys, tokens, chat template, its own code. Pure.

`compare_bases` has the whole; its parts can be asked for alone: `compare_tokenizers` in `tokenizer_diff.py` (whose
`only_adds` tells whether every old token keeps its id and its role), `compare_configs` here, `compare_tensors` in
`tensor_diff.py`. `services/compare_bases.py` reads the files of two revisions and calls this.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.architecture import mathematics
from adapters.base_texts import CODE_SUFFIX, CONFIG, Texts, chat_template_in, json_in
from adapters.tensor_diff import TensorChange, compare_tensors
from adapters.tokenizer_diff import TokenizerDiff, compare_tokenizers

CONTEXT_LINES = 3
ABSENT = object()


@dataclass(frozen=True)
class ConfigChange:
    """A key of config.json that differs, e.g. `rope.rope_theta`; None where it is not there.

    `is_mathematics` is True for those that change what the model computes.
    """

    key: str
    old: Any
    new: Any
    is_mathematics: bool


@dataclass(frozen=True)
class TextLine:
    """A line of two texts: `mark` is `+` or `-`, a space for one around those, `@` where some are left out."""

    mark: str
    text: str


@dataclass(frozen=True)
class BaseDiff:
    """All that the new revision changes of the old one."""

    tensors: list[TensorChange]
    config: list[ConfigChange]
    tokenizer: TokenizerDiff
    template: list[TextLine]
    code: list[str]

    def __bool__(self) -> bool:
        return bool(self.tensors or self.config or self.tokenizer or self.template or self.code)


def compare_bases(old: Texts, old_leaves: bytes, new: Texts, new_leaves: bytes) -> BaseDiff:
    """What the base with the files `new` and the leaves `new_leaves` changes of the old one.

    Raises:
        UserError: a file is not what its name says.
    """
    return BaseDiff(
        tensors=compare_tensors(old_leaves, new_leaves),
        config=compare_configs(old, new),
        tokenizer=compare_tokenizers(old, new),
        template=compare_texts(chat_template_in(old), chat_template_in(new)),
        code=compare_code(old, new),
    )


def compare_configs(old: Texts, new: Texts) -> list[ConfigChange]:
    """The keys of config.json that differ: first those that change the mathematics, as `arch_digest` spells them."""
    before, after = json_in(old, CONFIG), json_in(new, CONFIG)
    hard_before, hard_after = _flat(mathematics(before)), _flat(mathematics(after))
    hard = _changes(hard_before, hard_after, is_mathematics=True)
    # Other spellings of the same mathematics are no change.
    told = {key.partition(".")[0] for key in mathematics(before).keys() | mathematics(after).keys()}
    spelled = {"rope_theta", "rope_scaling", "rope_parameters", "head_dim", "num_key_value_heads", "architectures"}
    soft_before, soft_after = (
        _flat({key: value for key, value in config.items() if key not in told | spelled}) for config in (before, after)
    )
    return hard + _changes(soft_before, soft_after, is_mathematics=False)


def compare_texts(old: str, new: str) -> list[TextLine]:
    """The lines that differ, with a few around them; [] when none do."""
    lines = difflib.unified_diff(_lines(old), _lines(new), n=CONTEXT_LINES, lineterm="")
    return [TextLine(line[:1], "" if line.startswith("@") else line[1:]) for line in list(lines)[2:]]


def compare_code(old: Texts, new: Texts) -> list[str]:
    """The names of its own Python files that came, went or changed."""
    names = sorted(name for name in old.keys() | new.keys() if name.endswith(CODE_SUFFIX))
    return [name for name in names if old.get(name) != new.get(name)]


def _lines(text: str) -> list[str]:
    """With an end that shows: two texts may differ in the last line's end alone."""
    lines = text.split("\n")
    return lines if lines != [""] else []


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], *, is_mathematics: bool) -> list[ConfigChange]:
    return [
        ConfigChange(key, old.get(key), new.get(key), is_mathematics)
        for key in sorted(old.keys() | new.keys())
        if old.get(key, ABSENT) != new.get(key, ABSENT)
    ]


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """`{"rope": {"rope_theta": 1}}` as `{"rope.rope_theta": 1}`."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= _flat(inner, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = inner
    return found
