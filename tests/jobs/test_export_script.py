"""The exported script as text: whole, plain, short. That it learns the same: `tests/workers/test_exported_script.py`."""

import ast
import subprocess
import sys

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.export_script import ScriptFacts, job_script
from finetune_app.jobs.methods import METHODS
from finetune_app.jobs.models import Job
from tests.jobs.makers import make_job

ADDRESS = "/api/v1/jobs/1/script.py"
OPTIONS = {
    "target_modules": ["q_proj", "down_proj"],
    "rank_pattern": {"down_proj": 8},
    "layers_to_transform": [0],
    "loraplus_lr_ratio": 16.0,
    "early_stopping_patience": 2,
    "lora_dropout": 0.1,
    "optim": "paged_adamw_8bit",
}
KNOWN = {
    "argparse",
    "hashlib",
    "json",
    "pathlib",
    "torch",
    "datasets",
    "transformers",
    "peft",
    "trl",
    "peft.optimizers",
}


def facts(form, **changes):
    known = {
        "job": 3,
        "rows": "sums@1",
        "rows_path": "/api/v1/datasets/sums/versions/1/download",
        "form": form,
        "left_out": (),
        "base": "tiny@1",
        "weights_root": "ab" * 32,
        "continues": "",
        "libraries": {},
    }
    return ScriptFacts(**(known | changes))


def every_form():
    return [(name, form) for name, method in METHODS.items() for form in sorted(method.forms)]


@pytest.mark.parametrize(("method", "form"), every_form())
@pytest.mark.parametrize("options", [{}, OPTIONS, {"quantization": "int8"}, {"quantization": "none", "use_dora": True}])
def test_it_is_plain_python_in_good_order(tmp_path, method, form, options):
    text = job_script(METHODS[method].options(**options), facts(RowForm(form)))
    tree = ast.parse(text)
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert modules <= KNOWN
    assert len(text.splitlines()) < 170
    (tmp_path / "job.py").write_text(text)
    for check in (["check", "--select", "E,F,W,I"], ["format", "--diff"]):
        command = [sys.executable, "-m", "ruff", *check, "--isolated", "--line-length", "120", "job.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_what_the_libraries_do_by_themselves_is_not_written():
    text = job_script(METHODS["sft"].options(lora_dropout=0.0), facts(RowForm.CHAT))
    for absent in ("lora_dropout", "use_dora", "rank_pattern", "weight_decay", "optim=", "max_steps", "skip_prepare"):
        assert absent not in text
    for present in ("r=32", "lora_alpha=64", 'bnb_4bit_quant_type="nf4"', "num_train_epochs=3.0", "SFTTrainer("):
        assert present in text


def test_it_says_how_to_get_its_rows_its_base_and_its_libraries():
    text = job_script(METHODS["sft"].options(), facts(RowForm.CHAT, libraries={"trl": "1.16.0", "torch": "2.13.0"}))
    assert "rows.jsonl YOUR-GRAFT/api/v1/datasets/sums/versions/1/download" in text
    assert "pip install torch==2.13.0 trl==1.16.0 datasets" in text
    assert "ab" * 32 in text


def test_several_gpus_are_started_by_accelerate_and_share_the_batch(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    Job.objects.update(gpus=2)
    text = cast.api(cast.viewer).get(ADDRESS).content.decode()
    assert "accelerate launch --num_processes 2 job-1.py BASE" in text
    assert "PartialState().local_process_index" in text
    assert "gradient_accumulation_steps=2," in text


def test_rows_that_the_job_leaves_out_are_left_out():
    text = job_script(METHODS["sft"].options(), facts(RowForm.CHAT, left_out=(3, 5)))
    assert "for number in [3, 5]:" in text


def test_a_start_that_needs_more_than_peft_s_config_is_said_not_to_be_there():
    text = job_script(METHODS["sft"].options(init_lora_weights="loftq"), facts(RowForm.CHAT))
    assert "# The job begins with LOFTQ's weights; this script begins with peft's default ones." in text


def test_page_and_rest_give_the_same_script(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base, r=8, seed=7)
    Job.objects.update(facts={"libraries": {"peft": "0.21.2"}})
    response = cast.api(cast.viewer).get(ADDRESS)
    assert response["Content-Disposition"] == 'attachment; filename="job-1.py"'
    assert response["Content-Type"] == "text/x-python; charset=utf-8"
    text = response.content.decode()
    assert 'row["completion"]' in text
    assert "r=8," in text
    assert 'f"7:{number}"' in text
    assert "peft==0.21.2" in text
    assert "YOUR-GRAFT/api/v1/datasets/sums/versions/1/download" in text
    assert cast.client(cast.viewer).get("/w/team/jobs/1/script.py").content == response.content


def test_an_outsider_gets_no_script(cast, tiny_base, client):
    make_job(cast.access(cast.editor), tiny_base)
    assert cast.api(cast.outsider).get(ADDRESS).json()["code"] == "job_not_found"
    assert cast.client(cast.outsider).get("/w/team/jobs/1/script.py").status_code == 404
    assert client.get(ADDRESS).status_code == 401
