"""A training worker makes the GGUF file that was asked for, and it is stored under its name."""

import gguf
import pytest

from finetune_app.merges.export_options import GgufOptions, GgufType
from finetune_app.merges.models import Export
from finetune_app.storage import blobs
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model
from tests.merges.sending import begin_export
from tests.quiet_pulse import pulse_rests
from workers.run_worker_task import run_worker_task

__all__ = ["pulse_rests"]


@pytest.fixture
def merged(cast, tiny_base, tmp_path):
    return make_merged_model(make_version(tiny_base, tmp_path / "adapter", user=cast.editor))


def carry_out(merged, type: GgufType) -> Export:
    begin_export(merged, GgufOptions(type=type))
    assert claim_next_task("light@test") is None
    found = claim_next_task("gpu@test", on_gpu=True)
    run_worker_task(found)
    return Export.objects.get(pk=found.pk)


def test_the_file_is_stored_with_where_it_comes_from(merged, tmp_path):
    export = carry_out(merged, GgufType.Q8_0)
    assert (export.state, export.error) == (TaskState.SUCCEEDED, "")
    (file,) = export.files
    assert (file["path"], file["size"]) == ("adder-v1-Q8_0.gguf", export.size)
    assert export.result["types"] == {"F32": 5, "Q8_0": 15}
    assert 0 < export.result["error"] < 0.008
    blobs.place(file["sha256"], tmp_path / "file.gguf")
    reader = gguf.GGUFReader(tmp_path / "file.gguf")
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["graft.adapter"] == "adder@1"
    assert said["graft.base.weights_root"] == merged.base_revision.weights_root
    assert said["graft.merged_model.verdict"] == "verified"
