"""The combination of versions: lays out their files for the child, and registers what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.combination import CombinationOptions
from adapters.manifest import Lineage, Part
from adapters.models import AdapterVersion, RegistryTask
from adapters.services.place_version import place_version
from adapters.services.register_version import register_version
from adapters.states import VersionOrigin
from finetune_app.errors import UserError
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.adapter_combiner.spec import (
    BASE_FOLDER,
    FOUND_NAME,
    RESULT_FOLDER,
    SPEC_NAME,
    CombinationSpec,
    Combined,
    part_folder,
)
from workers.registry_tasks.small_base_files import place_small_base_files
from workers.task_program import TaskProgram


def prepare(task: RegistryTask, folder: Path) -> None:
    """Place each version's weights and config, and the base's small files.

    Raises:
        UserError: `version_deleted`, `base_code_not_allowed`.
        blobs.BlobMissing: the storage lost a file.
        OSError: the disk is full.
    """
    versions = _versions(task)
    for place, version in enumerate(versions):
        place_version(version, part_folder(folder, place))
    base = versions[0].base_revision
    place_small_base_files(base, folder / BASE_FOLDER)
    spec = CombinationSpec(
        base=str(base),
        weights=[weight for _, _, weight in task.params["versions"]],
        options=CombinationOptions(**task.params["options"]),
        trust_remote_code=base.trust_remote_code,
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())


def keep(task: RegistryTask, folder: Path, _facts: dict[str, Any]) -> None:
    """Register the version, with its parts in the lineage.

    Raises:
        UserError: `version_deleted`.
        WorkOver: somebody gave the work up.
    """
    versions = _versions(task)
    first = versions[0]
    found = Combined.model_validate_json((folder / FOUND_NAME).read_text())
    _place_tokenizer(first, folder / RESULT_FOLDER)
    run_task.beat(task)  # nothing is registered of what was given up meanwhile
    version = register_version(
        workspace=task.workspace,
        adapter_name=task.params["name"],
        base_revision=first.base_revision,
        folder=folder / RESULT_FOLDER,
        lineage=_lineage(task, versions, found),
        source_key=f"combination-{task.pk}",
        created_by=task.created_by,
        combines=versions,
    )
    run_task.succeed(task, {"adapter": version.adapter.name, "version": version.number})


def _versions(task: RegistryTask) -> list[AdapterVersion]:
    found = []
    for key, manifest_sha256, _weight in task.params["versions"]:
        versions = AdapterVersion.objects.select_related("adapter", "base_revision__base_model")
        version = versions.filter(workspace=task.workspace, pk=key, manifest_sha256=manifest_sha256).first()
        if version is None:
            raise UserError("version_deleted", "A version was deleted in the meantime. Combine the others.")
        found.append(version)
    return found


def _place_tokenizer(version: AdapterVersion, folder: Path) -> None:
    """What lies beside the weights of the first version goes along: its tokenizer and its template."""
    there = {path.name for path in folder.iterdir()} | {"README.md"}
    for file in version.manifest["files"]:
        if file["path"] not in there:
            target = folder / file["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            blobs.place(file["sha256"], target)


def _lineage(task: RegistryTask, versions: Sequence[AdapterVersion], found: Combined) -> Lineage:
    weights = [weight for _, _, weight in task.params["versions"]]
    parts = [
        Part(
            adapter=version.adapter.name,
            version=version.number,
            manifest_sha256=version.manifest_sha256,
            weight=weight,
        )
        for version, weight in zip(versions, weights, strict=True)
    ]
    options = CombinationOptions(**task.params["options"])
    way = options.combination_type
    config: dict[str, Any] = {"combination_type": way.value}
    if way.prunes:
        config["density"] = options.density
    config |= {"r": found.r, "lora_alpha": found.lora_alpha, "target_modules": found.target_modules}
    return Lineage(
        origin=VersionOrigin.COMBINED,
        config=config,
        libraries={"peft": found.peft_version},
        seed=options.seed if way.draws else None,
        facts={"modules": found.modules, "distance_from_sum": found.distance},
        combines=parts,
    )


COMBINE = TaskProgram("workers.adapter_combiner", prepare, keep)
