"""What a worker lays out for the children of a merge, and what it keeps of what they leave."""

import hashlib
import shutil

import pytest

from finetune_app.errors import UserError, WorkOver
from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import REPORT_NAME
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.merges.states import Verdict
from finetune_app.storage import blobs
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.jobs.makers import ROWS
from tests.jobs.makers import make_version as make_rows
from tests.merges.makers import make_report
from tests.quiet_pulse import pulse_rests
from tests.tiny import tiny_base as tiny_folder
from workers.light_tasks import program_of
from workers.merge_spec import ADAPTER_FOLDER, MERGED_FOLDER, MergeSpec
from workers.merge_tasks.merge import MERGE, keep, prepare

__all__ = ["pulse_rests"]
QLORA = {"quantization": "nf4", "bnb_4bit_use_double_quant": False, "r": 2}


@pytest.fixture
def claimed(cast, tiny_base, tmp_path):
    """A merge that a training worker has just taken; the version was trained on rows that are still here, in nf4."""
    make_rows(cast.team, cast.editor)
    version = make_version(
        tiny_base,
        tmp_path / "adapter",
        user=cast.editor,
        dataset_version=1,
        dataset_sha256=hashlib.sha256(ROWS).hexdigest(),
        config=QLORA,
        facts={"compute_dtype": "float32"},
    )
    request_merge(cast.access(cast.editor), version, options={"dtype": "float32"})
    return claim_next_task("train@here", on_gpu=True)


def left_by_the_children(folder, verdict=Verdict.VERIFIED):
    """Merged weights and a report, as merger and prover leave them."""
    shutil.copytree(tiny_folder(), folder / MERGED_FOLDER, dirs_exist_ok=True)
    (folder / REPORT_NAME).write_text(make_report(verdict).model_dump_json())


def test_the_folder_has_all_that_the_children_need(claimed, tiny_base, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    prepare(claimed, folder)
    spec = MergeSpec.load(folder)
    assert (spec.base, spec.adapter) == ("tiny@1", "adder@1")
    assert (spec.is_quantized, spec.quant_type, spec.double_quant) == (True, "nf4", False)
    assert (spec.compute_dtype, spec.options.dtype) == ("float32", "float32")
    assert (spec.base_folder / "model.safetensors").read_bytes() == (tiny_folder() / "model.safetensors").read_bytes()
    assert spec.base_digests.weights_root == tiny_base.weights_root
    assert sorted(path.name for path in (folder / ADAPTER_FOLDER).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert spec.rows is not None
    assert spec.rows.file.read_bytes() == ROWS
    assert spec.rows.config == QLORA


def test_a_base_whose_code_was_forbidden_since_ends_it(claimed, tmp_path):
    type(claimed.base_revision).objects.update(has_code=True)
    claimed.base_revision.refresh_from_db()
    with pytest.raises(UserError) as caught:
        prepare(claimed, tmp_path)
    assert caught.value.code == "base_code_not_allowed"


@pytest.mark.parametrize("verdict", Verdict)
def test_files_and_proof_are_kept_together_whatever_the_verdict(claimed, tmp_path, verdict):
    left_by_the_children(tmp_path / "run", verdict)
    keep(claimed, tmp_path / "run", {})
    found = MergedModel.objects.get()
    assert (found.state, found.verdict) == (TaskState.SUCCEEDED, verdict)
    assert [file["path"] for file in found.files] == sorted(path.name for path in tiny_folder().iterdir())
    assert all(blobs.size(file["sha256"]) == file["size"] for file in found.files)
    assert found.size == sum(path.stat().st_size for path in tiny_folder().iterdir())
    assert blobs.read(found.report_sha256).decode() == make_report(verdict).model_dump_json()


def test_what_was_stopped_meanwhile_is_not_kept(cast, claimed, tmp_path):
    left_by_the_children(tmp_path / "run")
    cancel_merge(cast.access(cast.editor), MergedModel.objects.get())
    with pytest.raises(WorkOver):
        keep(claimed, tmp_path / "run", {})
    found = MergedModel.objects.get()
    assert (found.state, found.verdict, found.files, found.report_sha256) == (TaskState.FAILED, "", [], "")


def test_without_a_report_nothing_is_kept(claimed, tmp_path):
    left_by_the_children(tmp_path / "run")
    (tmp_path / "run" / REPORT_NAME).unlink()
    with pytest.raises(FileNotFoundError):
        keep(claimed, tmp_path / "run", {})
    assert MergedModel.objects.get().files == []


def test_a_worker_knows_how_to_do_it(claimed):
    assert program_of(claimed) is MERGE
    assert (MERGE.module, MERGE.then) == ("workers.merger", ("workers.merge_prover",))
