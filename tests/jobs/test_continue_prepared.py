"""What a worker gets of the adapter version that a job continues from."""

from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.create_job import create_job
from tests.jobs.adapter_versions import make_adapter_version
from tests.jobs.makers import make_version
from workers.prepare_run import prepare_run
from workers.relay import Relay
from workers.run_job import _lineage
from workers.spec import RunSpec


def test_the_run_folder_holds_its_files_and_the_lineage_freezes_its_name(cast, tiny_base, live_redis, tmp_path):
    version = make_adapter_version(tiny_base)
    make_version(cast.team, cast.owner)
    order = {"adapter": "next", "dataset": "sums", "base_model": "tiny", "config": {"r": 8, "lora_alpha": 16}}
    create_job(cast.access(cast.editor), **order, continues="adder@1")
    attempt = claim_next_job("w")
    prepare_run(attempt.job, tmp_path / "run", Relay(attempt))
    spec = RunSpec.load(tmp_path / "run")
    placed = {path.name: path.read_bytes() for path in spec.continue_folder.iterdir()}
    assert set(placed) == {"adapter_model.safetensors", "adapter_config.json"}
    assert b'"r": 8' in placed["adapter_config.json"]
    ancestor = _lineage(attempt.job).continues
    assert (str(ancestor), ancestor.manifest_sha256) == ("adder@1", version.manifest_sha256)


def test_a_fresh_job_has_no_such_folder(cast, tiny_base, live_redis, tmp_path):
    make_version(cast.team, cast.owner)
    order = {"adapter": "next", "dataset": "sums", "base_model": "tiny", "config": {}}
    create_job(cast.access(cast.editor), **order)
    attempt = claim_next_job("w")
    prepare_run(attempt.job, tmp_path / "run", Relay(attempt))
    assert RunSpec.load(tmp_path / "run").continue_folder is None
    assert _lineage(attempt.job).continues is None
