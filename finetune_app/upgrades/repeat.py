"""What it takes to repeat a version's recipe on another base revision, or why that cannot be done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.fits import difference
from adapters.manifest import Ancestor, Lineage, Manifest
from adapters.models import AdapterVersion, BaseRevision
from adapters.recipe import recipe_of
from adapters.states import VersionOrigin
from finetune_app.accounts.access import Access
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import UserError
from finetune_app.jobs.methods import method_of
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.training_config import TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """A version's recipe, complete: everything that a job needs but the base."""

    dataset: DatasetVersion
    config: TrainingConfig
    continues: AdapterVersion | None
    gpus: int

    @property
    def summary(self) -> str:
        """The options that tell runs apart, in a line."""
        config = self.config
        length = f"{config.max_steps} steps" if config.max_steps else f"{config.num_train_epochs:g} epochs"
        rate = f"learning rate {config.learning_rate:g}"
        return " · ".join([method_of(config).title, f"r {config.r}", f"alpha {config.lora_alpha}", rate, length])


class Recipes:
    """Finds the recipes of many versions in a fixed number of queries.

    Args:
        access: who asks, and where.
        base: the revision that they are to be repeated on.
        versions: with their adapters, base revisions, jobs and manifests.
    """

    def __init__(self, access: Access, base: BaseRevision, versions: Sequence[AdapterVersion]) -> None:
        self._base = base
        self._lineages = {version.pk: Manifest.model_validate(version.manifest).lineage for version in versions}
        self._datasets = _datasets(access, [lineage.dataset_sha256 for lineage in self._lineages.values()])
        continued = [lineage.continues for lineage in self._lineages.values() if lineage.continues]
        self._ancestors = _ancestors(access, base, continued)

    def lineage(self, version: AdapterVersion) -> Lineage:
        """How the version came to be."""
        return self._lineages[version.pk]

    def digest(self, version: AdapterVersion) -> str:
        """The digest of its recipe, "" when it has none; older versions did not keep it."""
        lineage = self.lineage(version)
        if version.recipe_digest or lineage.origin != VersionOrigin.TRAINED:
            return version.recipe_digest
        ancestor, _ = self._ancestors.get(_sha256(lineage.continues), (None, None))
        return recipe_of(lineage, (ancestor.recipe_digest if ancestor else "") or _sha256(lineage.continues))

    def recipe(self, version: AdapterVersion) -> Recipe:
        """What to repeat.

        Raises:
            UserError: it cannot be repeated; says why, and what to do instead.
        """
        lineage = self.lineage(version)
        if lineage.origin != VersionOrigin.TRAINED:
            raise UserError(
                "recipe_unknown",
                f"{version} was {lineage.origin.value}, so what it was trained with is not known. Train it where it "
                "came from, and import what that gives.",
                field="versions",
            )
        return Recipe(
            dataset=self._dataset(version, lineage),
            config=_config(version, lineage),
            continues=self._continues(version, lineage),
            gpus=_gpus(version),
        )

    def _dataset(self, version: AdapterVersion, lineage: Lineage) -> DatasetVersion:
        same = self._datasets.get(lineage.dataset_sha256, [])
        named = (lineage.dataset, lineage.dataset_version)
        found = next((one for one in same if (one.dataset.name, one.number) == named), next(iter(same), None))
        if found is None:
            raise UserError(
                "dataset_version_gone",
                f"The rows that {version} was trained on, {lineage.dataset}@{lineage.dataset_version}, are not there "
                "any more. Upload the same file again.",
                field="versions",
            )
        return found

    def _continues(self, version: AdapterVersion, lineage: Lineage) -> AdapterVersion | None:
        """What it starts with on the newer base: the same version where that fits, else what retrained it."""
        if lineage.continues is None:
            return None
        ancestor, retrained = self._ancestors.get(lineage.continues.manifest_sha256, (None, None))
        if ancestor and not difference(ancestor.base_revision, self._base).is_hard:
            return ancestor
        if retrained:
            return retrained
        raise UserError(
            "ancestor_not_retrained",
            f"{version} continues from {lineage.continues}, which is not retrained on {self._base} yet. Retrain that "
            "first.",
            field="versions",
        )


def _config(version: AdapterVersion, lineage: Lineage) -> TrainingConfig:
    try:
        return parse_config(lineage.config, prefix="")
    except UserError as error:
        raise UserError(
            "config_no_longer_valid",
            f"The config of {version} cannot be used as it was: {error.field}: {error.message} Set up a new job.",
            field="versions",
        ) from error


def _gpus(version: AdapterVersion) -> int:
    job = getattr(version, "job", None)
    return job.gpus if job else 1


def _sha256(ancestor: Ancestor | None) -> str:
    return ancestor.manifest_sha256 if ancestor else ""


def _datasets(access: Access, digests: Iterable[str]) -> dict[str, list[DatasetVersion]]:
    found: dict[str, list[DatasetVersion]] = {}
    versions = DatasetVersion.objects.filter(dataset__workspace=access.workspace, sha256__in=set(digests))
    for version in versions.select_related("dataset").defer("bad_rows", "first_rows").order_by("-id"):
        found.setdefault(version.sha256, []).append(version)
    return found


def _ancestors(
    access: Access, base: BaseRevision, continued: Iterable[Ancestor]
) -> dict[str, tuple[AdapterVersion, AdapterVersion | None]]:
    """Manifest digest → the version that others continue from, and the newest that retrains it on `base`."""
    digests = {ancestor.manifest_sha256 for ancestor in continued}
    if not digests:
        return {}
    versions: Any = AdapterVersion.objects.filter(adapter__workspace=access.workspace).defer("manifest")
    versions = versions.select_related("adapter", "base_revision__base_model").order_by("id")
    ancestors = list(versions.filter(manifest_sha256__in=digests))
    retrained = {one.retrains_id: one for one in versions.filter(retrains__in=ancestors, base_revision=base)}
    return {one.manifest_sha256: (one, retrained.get(one.pk)) for one in ancestors}
