"""Values of modules as a grid of layers and kinds of modules, each value as a step of a colour scale. Pure."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finetune_app.comparison.deltas import Deltas

SHADES = 20  # beside that for 0
LAYER = re.compile(r"(?:(?P<before>.*?)\.)?(?P<layer>\d+)\.(?P<kind>.+)")
Value = float | None


@dataclass(frozen=True)
class GridCell:
    """One value: the text for people, and its shade from -`SHADES` to `SHADES`; None where there is nothing."""

    text: str
    shade: int | None

    @property
    def look(self) -> str:
        """The end of its class in the stylesheet: `p7`, `n3`, or `none`."""
        return "none" if self.shade is None else f"{'n' if self.shade < 0 else 'p'}{abs(self.shade)}"


@dataclass(frozen=True)
class GridRow:
    """One kind of module in every layer."""

    kind: str
    cells: list[GridCell]


@dataclass(frozen=True)
class Grid:
    """Layers from left to right, "" for what lies in none; kinds of modules from top to bottom."""

    layers: list[str]
    rows: list[GridRow]


class Places:
    """Where each module stands in a grid; several may share a place, like the experts of a layer."""

    def __init__(self, modules: Sequence[str]) -> None:
        found = [_placed(module) for module in modules]
        stacks = {before for before, layer, _ in found if layer is not None}
        self._of = [
            (f"{before}.{kind}" if layer is not None and len(stacks) > 1 else kind, layer)
            for before, layer, kind in found
        ]
        self.layers = sorted({layer for _, layer in self._of}, key=lambda layer: -1 if layer is None else layer)
        self.kinds = list(dict.fromkeys(kind for kind, _ in self._of))
        self._names = _short(self.kinds)

    def grid(
        self, values: Sequence[Value], mean: Callable[[Sequence[float]], float], shade: Callable[[float], int]
    ) -> Grid:
        """The grid of one value for each module; `mean` makes one of those that share a place."""
        together = self._together(values)
        rows = [
            GridRow(name, [_cell(together.get((kind, layer)), mean, shade) for layer in self.layers])
            for kind, name in zip(self.kinds, self._names, strict=True)
        ]
        return Grid(["" if layer is None else str(layer) for layer in self.layers], rows)

    def largest(self, values: Sequence[Value], mean: Callable[[Sequence[float]], float]) -> float:
        """The largest value in their grid; 0 when there is none."""
        return max((mean(found) for found in self._together(values).values()), default=0.0)

    def _together(self, values: Sequence[Value]) -> dict[tuple[str, int | None], list[float]]:
        together: dict[tuple[str, int | None], list[float]] = defaultdict(list)
        for place, value in zip(self._of, values, strict=True):
            if value is not None:
                together[place].append(value)
        return together


def norm_grids(deltas: Deltas) -> list[Grid | None]:
    """How much each version changed each layer, all on one scale; None for one that could not be measured."""
    places = Places(deltas.modules)
    known = [version for version in deltas.versions if not version.problem]
    top = max((places.largest(version.norms, _length) for version in known), default=0.0)
    return [
        None if version.problem else places.grid(version.norms, _length, _scale(top)) for version in deltas.versions
    ]


def likeness_grids(deltas: Deltas, reference: int = 0) -> list[tuple[int, Grid]]:
    """How alike each other version's change is to that of `reference`, layer by layer: its place, and the grid."""
    places = Places(deltas.modules)
    pairs = [pair for pair in deltas.pairs if reference in {pair.first, pair.second}]
    return [
        (pair.second if pair.first == reference else pair.first, places.grid(pair.cosines, _middle, _scale(1.0)))
        for pair in pairs
    ]


def cosine_matrix(deltas: Deltas) -> list[list[GridCell]]:
    """The cosine between the whole changes of each two versions."""
    count = len(deltas.versions)
    cells = [[GridCell("", None) for _ in range(count)] for _ in range(count)]
    for place, version in enumerate(deltas.versions):
        if version.norm:
            cells[place][place] = GridCell("1", SHADES)
    for pair in deltas.pairs:
        if pair.cosine is not None:
            cell = GridCell(f"{pair.cosine:.3f}", _scale(1.0)(pair.cosine))
            cells[pair.first][pair.second] = cells[pair.second][pair.first] = cell
    return cells


def _placed(module: str) -> tuple[str, int | None, str]:
    """What stands before the number of its layer, that number, and the kind; other numbers count for nothing."""
    found = LAYER.fullmatch(module)
    if found is None:
        return "", None, module
    return found["before"] or "", int(found["layer"]), re.sub(r"\d+", "*", found["kind"])


def _short(kinds: Sequence[str]) -> list[str]:
    """The last part of each name where it says enough: `q_proj`."""
    last = [kind.rpartition(".")[2] for kind in kinds]
    return [end if last.count(end) == 1 else kind for kind, end in zip(kinds, last, strict=True)]


def _cell(
    values: Sequence[float] | None, mean: Callable[[Sequence[float]], float], shade: Callable[[float], int]
) -> GridCell:
    if not values:
        return GridCell("", None)
    value = mean(values)
    return GridCell(f"{value:.3g}", shade(value))


def _length(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values))


def _middle(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _scale(top: float) -> Callable[[float], int]:
    return lambda value: round(SHADES * max(-1.0, min(1.0, value / top))) if top else 0
