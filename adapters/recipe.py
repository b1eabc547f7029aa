"""The recipe of a fine-tune: all that decides what is learned, but for the base. Its digest says what to repeat. Pure.

Rows, config, method and seed, and for a run that continued from a version that version's own recipe. The base is left
out on purpose: an upgrade repeats the recipe on the next revision, and finds by recipe and base what was asked for.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from adapters.manifest import Lineage


def recipe_digest(
    *, dataset_sha256: str, config: Mapping[str, Any], method: str, seed: int | None, continues: str = ""
) -> str:
    """SHA-256 over the canonical JSON of the recipe.

    Args:
        dataset_sha256: of the rows.
        config: the whole training config, as it was when the run was set up.
        method: of fine-tuning.
        seed: of the run.
        continues: the recipe digest of the version that it started with, or its manifest's where it has no recipe.
    """
    recipe = {
        "dataset_sha256": dataset_sha256,
        "config": dict(config),
        "method": method,
        "seed": seed,
        "continues": continues,
    }
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def recipe_of(lineage: Lineage, continues: str = "") -> str:
    """The digest of a version's recipe, from its lineage, for versions that were made before it was kept."""
    return recipe_digest(
        dataset_sha256=lineage.dataset_sha256,
        config=lineage.config,
        method=lineage.method,
        seed=lineage.seed,
        continues=continues,
    )
