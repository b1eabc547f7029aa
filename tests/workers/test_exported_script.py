"""The exported script, run for real, learns what the job learns: the losses of both are the same."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.export_script import ScriptFacts, job_script
from finetune_app.jobs.methods import load_config
from tests.tiny import tiny_base
from tests.workers.runs import OPTIONS, chat_rows, marked_rows, preference_rows, start_call, train, wait_call
from tests.workers.test_continue import continued

STEPS = {"max_steps": 5, "fit_to_device": False, "quantization": "none", "load_best_model_at_end": False}
EXACT = 1e-4  # both compute in float32; the job sums over learned positions only
LOSSES = "losses.json"


def instructions():
    """The same questions as instruction rows, two of them with a history and a system message."""
    rows = []
    for index, row in enumerate(chat_rows()):
        system, question, answer = (message["content"] for message in row["messages"])
        found = {"instruction": question, "input": f"Number {index}", "output": answer, "split": row["split"]}
        if index % 2:
            found |= {"history": [["Hello?", "Yes."]], "system": system}
        rows.append(found)
    return rows


def pairs():
    """Prompts and completions as text; which are held out is drawn."""
    return [
        {"prompt": row["messages"][1]["content"], "completion": row["messages"][2]["content"]} for row in chat_rows()
    ]


def conversations():
    """In ShareGPT's words."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return [
        {"conversations": [{"from": names[item["role"]], "value": item["content"]} for item in row["messages"]]}
        for row in chat_rows()
    ]


def texts():
    return [{"text": f"{row['messages'][1]['content']} {row['messages'][2]['content']}."} for row in chat_rows()]


ROWS = {
    RowForm.CHAT: chat_rows,
    RowForm.SHAREGPT: conversations,
    RowForm.INSTRUCTION: instructions,
    RowForm.PROMPT_COMPLETION: pairs,
    RowForm.TEXT: texts,
    RowForm.PREFERENCE: preference_rows,
    RowForm.KTO: marked_rows,
}


def script_losses(folder: Path, form: RowForm, *arguments: str, continues="", **options) -> list[float]:
    """Run the exported script on `rows.jsonl` in the folder; the loss of each step."""
    facts = ScriptFacts(1, "rows@1", "/rows", form, (), "tiny@1", "0" * 64, continues, {})
    (folder / "job-1.py").write_text(job_script(load_config(OPTIONS | STEPS | options), facts))
    wait_call(start_call(_run_script, folder, *arguments))
    assert (folder / "tuned" / "adapter_model.safetensors").is_file()
    return json.loads((folder / LOSSES).read_text())


def _run_script(folder: Path, *arguments: str) -> None:
    rows, out = str(folder / "rows.jsonl"), str(folder / "tuned")
    sys.argv = ["job-1.py", str(tiny_base()), "--rows", rows, "--out", out, *arguments]
    names = runpy.run_path(str(folder / "job-1.py"))
    losses = [entry["loss"] for entry in names["trainer"].state.log_history if "loss" in entry]
    (folder / LOSSES).write_text(json.dumps(losses))


def both(folder: Path, form: RowForm, **options):
    """The losses of the job and of the script on the same rows."""
    ended = train(folder, ROWS[form](), row_form=form, **(STEPS | options))
    assert ended.done["steps"] == 5
    return [step.loss for step in ended.steps], script_losses(folder, form, **options)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (RowForm.CHAT, {"lr_scheduler_type": "cosine", "warmup_ratio": 0.4, "use_rslora": True}),
        (RowForm.CHAT, {"completion_only_loss": False, "gradient_accumulation_steps": 2}),
        (RowForm.SHAREGPT, {"held_out_share": 0.3, "seed": 7}),
        (RowForm.INSTRUCTION, {"target_modules": ["q_proj", "v_proj"], "weight_decay": 0.1}),
        (RowForm.PROMPT_COMPLETION, {"max_length": 34, "held_out_share": 0.2}),
        (RowForm.TEXT, {"loraplus_lr_ratio": 8.0, "learning_rate": 1e-3}),
        (RowForm.PREFERENCE, {"method": "dpo", "loss_type": "hinge"}),
        (RowForm.PREFERENCE, {"method": "reward"}),
        (RowForm.KTO, {"method": "kto", "undesirable_weight": 2.0}),
    ],
)
def test_the_script_learns_what_the_job_learns(tmp_path, form, options):
    job, script = both(tmp_path, form, **options)
    assert len(script) == 5
    assert script == pytest.approx(job, abs=EXACT)


def test_it_keeps_the_best_step_of_the_same_held_out_rows_and_stops_early(tmp_path):
    options = {"load_best_model_at_end": True, "eval_steps": 1, "early_stopping_patience": 3}
    job, script = both(tmp_path, RowForm.CHAT, **options)
    assert script == pytest.approx(job, abs=EXACT)


def test_a_job_that_continues_continues_in_its_script(tmp_path):
    first = tmp_path / "first"
    train(first, **STEPS)
    folder = tmp_path / "second"
    job = [step.loss for step in continued(folder, first / "adapter", **(OPTIONS | STEPS)).steps]
    script = script_losses(folder, RowForm.CHAT, "--adapter", str(first / "adapter"), continues="colours@1")
    assert script == pytest.approx(job, abs=EXACT)


def test_the_quantized_script_learns_the_same_up_to_the_precision_of_the_processor(tmp_path):
    # The job computes nf4 in bfloat16 where the processor has it; the script is plain and takes float32.
    job, script = both(tmp_path, RowForm.CHAT, quantization="nf4")
    assert script == pytest.approx(job, rel=0.03)
