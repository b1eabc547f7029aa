"""Child: measures the changes of adapter versions. `python -m workers.delta_comparer RUN_FOLDER`, see `names.py`."""

import math
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from finetune_app.comparison.deltas import Deltas, Likeness, VersionDelta
from finetune_app.jobs.states import Phase
from workers.child import run_on_folder
from workers.delta_comparer.factors import Factor, UnreadableVersion, VersionFactors
from workers.delta_comparer.inner_products import inner_products
from workers.delta_comparer.names import RESULT_NAME, version_folders
from workers.progress import Progress

DIGITS = 6  # of each number that is kept
UNLIKE = math.nan  # in place of an inner product that there is not, since the shapes differ


def compare(folder: Path) -> dict[str, Any]:
    """Write the norms and cosines of the versions in the run folder."""
    (folder / RESULT_NAME).write_text(measure(version_folders(folder)).model_dump_json())
    return {}


def measure(folders: list[Path]) -> Deltas:
    """How much each version in these folders changes the weights, and how alike their changes are."""
    opened: dict[int, VersionFactors] = {}
    problems: dict[int, str] = {}
    for place, folder in enumerate(folders):
        try:
            opened[place] = VersionFactors.open(folder)
        except UnreadableVersion as error:
            problems[place] = str(error)
    modules = list(dict.fromkeys(module for version in opened.values() for module in version.keys))
    progress = Progress(Phase.READING, len(modules))
    products = torch.zeros(len(modules), len(folders), len(folders), dtype=torch.float64)
    for number, module in enumerate(modules):
        found = {place: factor for place, version in opened.items() if (factor := version.factor(module)) is not None}
        products[number] = _products(found, len(folders))
        progress.add()
    pairs = [_likeness(products, first, second) for first, second in combinations(sorted(opened), 2)]
    versions = [
        _version_delta(products, place, opened[place].all_remarks)
        if place in opened
        else VersionDelta(problem=problems[place])
        for place in range(len(folders))
    ]
    return Deltas(modules=modules, versions=versions, pairs=pairs)


def _products(found: dict[int, Factor], count: int) -> torch.Tensor:
    """The inner products in one module: 0 for a version that does not change it, `UNLIKE` between other shapes."""
    products = torch.zeros(count, count, dtype=torch.float64)
    by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, factor in found.items():
        by_shape[factor.shape].append(place)
    if len(by_shape) > 1:
        places = torch.tensor(list(found))
        products[places[:, None], places] = UNLIKE
    for group in by_shape.values():
        places = torch.tensor(group)
        products[places[:, None], places] = inner_products([found[place] for place in group])
    return products


def _version_delta(products: torch.Tensor, place: int, remarks: list[str]) -> VersionDelta:
    squares = products[:, place, place].clamp(min=0)
    return VersionDelta(
        norm=_number(squares.sum().sqrt().item()),
        norms=[_number(square) or None for square in squares.sqrt().tolist()],
        remarks=remarks,
    )


def _likeness(products: torch.Tensor, first: int, second: int) -> Likeness:
    shared = products[:, first, second]
    lengths = [products[:, place, place].clamp(min=0) for place in (first, second)]
    return Likeness(
        first=first,
        second=second,
        cosine=_cosine(shared.sum().item(), *(length.sum().item() for length in lengths)),
        cosines=[_cosine(*values) for values in zip(shared.tolist(), *(one.tolist() for one in lengths), strict=True)],
    )


def _cosine(product: float, first_square: float, second_square: float) -> float | None:
    length = math.sqrt(first_square) * math.sqrt(second_square)
    return _number(max(-1.0, min(1.0, product / length))) if length and math.isfinite(product) else None


def _number(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


if __name__ == "__main__":
    run_on_folder(compare)
