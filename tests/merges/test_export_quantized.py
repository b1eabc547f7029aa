"""The whole way of an int4 export: asked for on its page, made by the real child, downloaded, and loaded."""

import pytest

pytest.importorskip("torch")

from transformers import AutoModelForCausalLM

from finetune_app.merges.models import Export
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.makers import Downloader, make_version
from tests.datasets.tasks import put
from tests.merges.makers import make_merged_model
from tests.quiet_pulse import pulse_rests
from workers.run_worker_task import run_worker_task

__all__ = ["pulse_rests"]
EXPORTS = "/w/team/adapters/adder/v/1/merged/1/exports/"


def ask_and_run(cast) -> Export:
    answer = cast.client(cast.editor).post(f"{EXPORTS}new?kind=quantized", {"scheme": "int4"})
    assert answer["Location"] == f"{EXPORTS}1/"
    run_worker_task(claim_next_task("train@test", on_gpu=True))
    return Export.objects.get()


def test_an_int4_export_from_its_form_to_a_model_that_answers(cast, tiny_base, tmp_path):
    version = make_version(tiny_base, tmp_path / "adapter", user=cast.editor)
    rows = [{"prompt": f"{number} and one?", "completion": str(number + 1)} for number in range(8)]
    merged = make_merged_model(version, dataset_version=put(cast, "sums", *rows))
    done = ask_and_run(cast)
    assert (done.state, done.error) == (TaskState.SUCCEEDED, "")
    assert 0 < done.size < merged.size
    assert done.result["compared"]["prompts"] == 64

    page = " ".join(cast.client(cast.viewer).get(f"{EXPORTS}1/").content.decode().split())
    assert "What it costs" in page
    folder = tmp_path / "fetched"
    folder.mkdir()
    for file in done.files:
        answer = Downloader(cast, cast.viewer).get(f"{EXPORTS}1/files/{file['path']}")
        (folder / file["path"]).write_bytes(answer.body)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert model.config.quantization_config.quantization_config.format == "pack-quantized"
    assert model(input_ids=model.dummy_inputs["input_ids"]).logits.isfinite().all()
