"""What the page and REST say of the versions that are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.manifest import Manifest
from adapters.models import AdapterVersion, Alias
from finetune_app.comparison.choice import LETTERS
from finetune_app.comparison.side_by_side import OptionLine, ScoreCell, ScoreRow, config_table, score_table, warnings_of

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Side:
    """One of the versions: its letter and mark on the page, and its manifest."""

    letter: str
    place: int
    version: AdapterVersion
    manifest: Manifest
    aliases: list[str]

    @property
    def weights_size(self) -> int | None:
        """Bytes of the weights' file."""
        return next((file.size for file in self.manifest.files if file.path == WEIGHTS), None)

    @property
    def rank(self) -> int | None:
        """The rank that its config names."""
        rank = self.manifest.lineage.config.get("r")
        return rank if isinstance(rank, int) else None

    @property
    def alpha(self) -> float | None:
        """The alpha that its config names."""
        alpha = self.manifest.lineage.config.get("lora_alpha")
        return alpha if isinstance(alpha, int | float) else None


@dataclass(frozen=True)
class Comparison:
    """All versions beside each other."""

    sides: list[Side]
    warnings: list[str]
    options: list[OptionLine]
    scores: list[ScoreRow]

    @property
    def scores_by_side(self) -> list[tuple[Side, list[ScoreCell]]]:
        """Each version with its cell of every measure."""
        return [(side, [row.cells[side.place] for row in self.scores]) for side in self.sides]

    @property
    def differing(self) -> list[OptionLine]:
        """The options in which they differ."""
        return [line for line in self.options if line.differs]


def compare_versions(versions: Sequence[AdapterVersion]) -> Comparison:
    """What can be said at once: all but their curves and how they changed the weights."""
    manifests = [Manifest.model_validate(version.manifest) for version in versions]
    lineages = [manifest.lineage for manifest in manifests]
    aliases: dict[int, list[str]] = {version.pk: [] for version in versions}
    named = Alias.objects.filter(version__in=versions).order_by("name")
    for version_id, name in named.values_list("version_id", "name"):
        aliases[version_id].append(name)
    sides = [
        Side(LETTERS[place], place, version, manifest, aliases[version.pk])
        for place, (version, manifest) in enumerate(zip(versions, manifests, strict=True))
    ]
    return Comparison(sides, warnings_of(manifests), config_table(lineages), score_table(lineages))
