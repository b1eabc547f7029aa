"""Several versions become one, by a training worker's hands; what cannot be added up is refused before."""

import json
import shutil
from pathlib import Path

import pytest

from adapters.combination import CombinationOptions, CombinationType
from adapters.models import AdapterVersion, RegistryTask
from adapters.services.combine_versions import combine_again, combine_versions
from adapters.services.delete_version import delete_version
from adapters.states import VersionOrigin
from finetune_app.errors import InvalidFields, NotFound, UserError
from finetune_app.storage import blobs
from finetune_app.work import run_task
from finetune_app.work.states import CANCELLED, TaskState
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import copy_of, peft_adapter
from tests.tiny import tiny_base
from tests.tiny_base import register_tiny_base
from workers.run_worker_task import run_worker_task

PLAIN = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
OTHER = {"r": 8, "lora_alpha": 4, "target_modules": ("q_proj", "down_proj"), "use_rslora": True}


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


@pytest.fixture
def two(tiny_base):
    """`plain@1`, and `other@1` with another rank, other modules and rsLoRA's scale."""
    return (
        make_version(tiny_base, peft_adapter(), key="plain", name="plain"),
        make_version(tiny_base, peft_adapter(**OTHER), key="other", name="other"),
    )


def combine(editor, *parts, name="both", **options) -> RegistryTask:
    return combine_versions(editor, name=name, parts=parts, options=CombinationOptions(**options))


def work_off() -> RegistryTask:
    """What a training worker does with the next piece of work; light ones find none."""
    assert run_task.claim_next_task("light@test") is None
    task = run_task.claim_next_task("train@test", on_gpu=True)
    assert isinstance(task, RegistryTask)
    run_worker_task(task)
    task.refresh_from_db()
    return task


def changes(folder: Path):
    """What peft makes of the tiny base's weights with this adapter, less the base's."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    merged = PeftModel.from_pretrained(model, folder).merge_and_unload().state_dict()
    return {name: value - before[name] for name, value in merged.items()}


def place(version: AdapterVersion, folder: Path) -> Path:
    folder.mkdir()
    for file in version.manifest["files"]:
        blobs.place(file["sha256"], folder / file["path"])
    return folder


def test_a_combination_by_svd_is_the_weighted_sum_and_holds_its_parts(editor, two, tmp_path):
    task = combine(editor, ("plain@1", 0.75), ("other", -0.5), svd_rank=12)
    assert combine(editor, ("plain", 0.75), ("other@1", -0.5), svd_rank=12) == task
    assert work_off().state == TaskState.SUCCEEDED, task.error
    version = AdapterVersion.objects.get(adapter__name="both", number=1)
    assert (version.origin, version.base_revision) == (VersionOrigin.COMBINED, two[0].base_revision)
    lineage = version.manifest["lineage"]
    assert [(part["adapter"], part["version"], part["weight"]) for part in lineage["combines"]] == [
        ("plain", 1, 0.75),
        ("other", 1, -0.5),
    ]
    assert lineage["combines"][1]["manifest_sha256"] == two[1].manifest_sha256
    assert lineage["facts"]["distance_from_sum"] < 1e-5
    assert lineage["config"]["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    first, second, got = (changes(place(one, tmp_path / one.adapter.name)) for one in (*two, version))
    for name, change in got.items():
        assert (change - 0.75 * first[name] + 0.5 * second[name]).abs().max() < 1e-5, name
    assert got["model.layers.0.self_attn.q_proj.weight"].abs().max() > 1e-2
    with pytest.raises(UserError, match="adapter both@1, which was combined of it"):
        delete_version(editor, two[1])


@pytest.mark.parametrize("way", [kind for kind in CombinationType if kind is not CombinationType.SVD])
def test_every_way_makes_a_whole_adapter_and_the_same_one_again(way, tmp_path):
    from workers.adapter_combiner.combine import combine as combine_files
    from workers.adapter_combiner.spec import BASE_FOLDER, RESULT_FOLDER, CombinationSpec, part_folder

    options = CombinationOptions(combination_type=way, density=0.8)
    written = []
    for run in (tmp_path / "1", tmp_path / "2"):
        shutil.copytree(tiny_base(), run / BASE_FOLDER, ignore=shutil.ignore_patterns("*.safetensors"))
        shutil.copytree(peft_adapter(), part_folder(run, 0))
        shutil.copytree(peft_adapter(lora_alpha=2), part_folder(run, 1))
        found = combine_files(run, CombinationSpec(base="tiny@1", weights=[0.5, 0.5], options=options))
        assert found.modules == 4
        assert found.distance > 0
        written.append((run / RESULT_FOLDER / "adapter_model.safetensors").read_bytes())
    assert written[0] == written[1]
    config = json.loads((tmp_path / "1" / RESULT_FOLDER / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (4, 4, False)


def test_factors_of_different_ranks_are_refused_with_what_to_do(editor, two):
    with pytest.raises(UserError) as caught:
        combine(editor, ("plain", 1), ("other", 1), combination_type="ties")
    assert (caught.value.code, caught.value.field) == ("combination_ranks_differ", "combination_type")
    assert "Choose the way with SVD" in caught.value.message
    assert not RegistryTask.objects.exists()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "replaces whole modules"),
        ({"bias": "all"}, "trained biases"),
        ({"task_type": "SEQ_CLS"}, "scores texts"),
        ({"target_parameters": ["experts.gate_up_proj"]}, "parameters of experts"),
    ],
)
def test_what_peft_would_leave_out_is_refused(editor, two, tiny_base, tmp_path, config, words):
    make_version(tiny_base, copy_of(peft_adapter(), tmp_path / "odd", **config), key="odd", name="odd")
    with pytest.raises(UserError, match=words) as caught:
        combine(editor, ("plain", 1), ("odd", 1))
    assert (caught.value.code, caught.value.field) == ("combination_unsupported", "versions[1]")


def test_versions_of_different_bases_do_not_go_together(editor, two, cast):
    newer = register_tiny_base(cast.team, seed=1)
    make_version(newer, peft_adapter(), key="newer", name="newer")
    with pytest.raises(UserError) as caught:
        combine(editor, ("plain", 1), ("newer", 1))
    assert (caught.value.code, caught.value.field) == ("adapter_of_other_base", "versions[1]")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([("plain", 1)], "versions"),
        ([("plain", 1), ("plain@1", 2)], "versions"),
        ([("plain", 1), ("other", 0)], "versions[1]"),
        ([("plain", float("nan")), ("other", 1)], "versions[0]"),
        ([("plain", 1), ("nobody", 1)], "versions[1]"),
    ],
)
def test_bad_parts_are_named(editor, two, parts, field):
    with pytest.raises((UserError, InvalidFields, NotFound)) as caught:
        combine(editor, *parts)
    assert caught.value.field == field


def test_a_stopped_combination_saves_nothing_and_can_be_tried_again(editor, two):
    task = combine(editor, ("plain", 1), ("other", 1))
    assert run_task.cancel(task)
    assert (task.state, task.error_code) == (TaskState.FAILED, CANCELLED)
    assert run_task.claim_next_task("train@test", on_gpu=True) is None
    combine_again(editor, task)
    assert (task.state, task.error_code) == (TaskState.QUEUED, "")
    assert run_task.claim_next_task("train@test", on_gpu=True) == task


def test_a_version_that_was_deleted_while_the_work_waited_is_named(editor, two):
    task = combine(editor, ("plain", 1), ("other", 1))
    delete_version(editor, two[1])
    work_off()
    task.refresh_from_db()
    assert (task.state, task.error_code) == (TaskState.FAILED, "version_deleted")
