"""Configs and scores of several versions beside each other, and what keeps them from being compared. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.manifest import Lineage, Manifest
from adapters.option_lines import option_lines
from adapters.scores import MEASURES
from adapters.version_filters import LOWER_IS_BETTER

MISSING = "–"
HELD_OUT_OPTIONS = ("held_out_share", "held_out_max_rows", "seed")  # with the rows, what is held out
DIGESTS = {
    "weights_root": "weights",
    "arch_digest": "architecture",
    "tokenizer_digest": "tokenizer",
    "chat_template_digest": "chat template",
}


@dataclass(frozen=True)
class OptionLine:
    """One option by its name, and its value in each version."""

    name: str
    values: list[str]

    @property
    def differs(self) -> bool:
        """Whether the versions do not agree."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class ScoreCell:
    """One measure of one version, as text and as it was measured; `before` is that of its base."""

    value: float | None
    text: str
    before_value: float | None
    before: str
    is_best: bool


@dataclass(frozen=True)
class ScoreRow:
    """One measure of all versions."""

    key: str
    name: str
    lower_is_better: bool
    cells: list[ScoreCell]


def config_table(lineages: Sequence[Lineage]) -> list[OptionLine]:
    """Every option that any of the configs has, in the order in which they name them."""
    configs = [dict(option_lines({**one.config, "seed": one.seed} if one.seed else one.config)) for one in lineages]
    names = dict.fromkeys(name for config in configs for name in config)
    return [OptionLine(name, [config.get(name, MISSING) for config in configs]) for name in names]


def score_table(lineages: Sequence[Lineage]) -> list[ScoreRow]:
    """Every measure that was taken of any version, the most telling one first, with the best marked."""
    scores = [one.scores or {} for one in lineages]
    rows = (_score_row(key, name, write, scores) for key, name, write in MEASURES)
    return [row for row in rows if any(cell.value is not None for cell in row.cells)]


def _score_row(key: str, name: str, write: Callable[[float], str], scores: Sequence[Mapping[str, Any]]) -> ScoreRow:
    tuned = [(one.get("tuned") or {}).get(key) for one in scores]
    base = [(one.get("base") or {}).get(key) for one in scores]
    known = [value for value in tuned if value is not None]
    best = (min if key in LOWER_IS_BETTER else max)(known, default=None)
    tells = len(set(known)) > 1
    cells = [
        ScoreCell(
            value=value,
            text=MISSING if value is None else write(value),
            before_value=before,
            before=MISSING if before is None else write(before),
            is_best=tells and value == best,
        )
        for value, before in zip(tuned, base, strict=True)
    ]
    return ScoreRow(key, name, key in LOWER_IS_BETTER, cells)


def warnings_of(manifests: Sequence[Manifest]) -> list[str]:
    """What somebody must know before reading anything into the differences, a sentence or two each."""
    return [*_base_warnings(manifests), *_score_warnings(manifests)]


def _base_warnings(manifests: Sequence[Manifest]) -> list[str]:
    differing = [name for digest, name in DIGESTS.items() if len({getattr(one.base, digest) for one in manifests}) > 1]
    if not differing:
        return []
    bases = list(dict.fromkeys(f"{one.base.name}@{one.base.revision}" for one in manifests))
    return [
        f"They belong to different bases ({', '.join(bases)}): these differ in {_and(differing)}. "
        "So the scores are those of different models, and a cosine compares changes of different weights."
        if differing != ["chat template"]
        else f"Their bases ({', '.join(bases)}) differ in the chat template: the models read the same rows differently."
    ]


def _score_warnings(manifests: Sequence[Manifest]) -> list[str]:
    scored = [one.lineage for one in manifests if one.lineage.scores]
    held_out = {
        (one.dataset_sha256, (one.scores or {}).get("rows"), *(one.config.get(name) for name in HELD_OUT_OPTIONS))
        for one in scored
    }
    if len(held_out) <= 1:
        return []
    return ["They were not scored on the same held-out rows, so a small difference between scores says little."]


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
