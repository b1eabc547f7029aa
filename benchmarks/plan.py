"""Predicted beside measured memory and speed of the real trainer, on models of any shape.

Each run is a run folder and a child process as in `benchmarks/train.py`, which makes the model and the rows. It prints
one JSON line for each run: what was predicted before (from the same functions that the pages use), what the child
measured, and measured / predicted. The constants of `finetune_app/jobs/plan/paths.py` are fitted from these lines.

usage: python benchmarks/plan.py WORK_FOLDER [--shape tiny|small|1b|7b] [--steps N] [--run 'r=64 …'] …
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SMALL = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 4, "num_attention_heads": 16}
TEMPLATE_TOKENS = 2  # around each turn
ANSWERS = ("completion", "chosen", "rejected")
FORMS = {"dpo": "preference", "reward": "preference", "kto": "kto"}
USUAL = "fit_to_device=false lora_dropout=0.0"
RUNS = (
    'quantization="none" per_device_train_batch_size=1 gradient_accumulation_steps=8',
    'quantization="none" per_device_train_batch_size=8 gradient_accumulation_steps=1',
    'quantization="none" per_device_train_batch_size=8 gradient_accumulation_steps=1 gradient_checkpointing=true',
    'quantization="none" per_device_train_batch_size=32 gradient_accumulation_steps=1',
    'quantization="none" per_device_train_batch_size=8 gradient_accumulation_steps=1 target_modules="all-linear"',
    'quantization="none" per_device_train_batch_size=8 gradient_accumulation_steps=1 lora_dropout=0.05',
    'quantization="nf4" per_device_train_batch_size=1 gradient_accumulation_steps=8',
    'quantization="nf4" per_device_train_batch_size=8 gradient_accumulation_steps=1',
    'quantization="nf4" per_device_train_batch_size=8 gradient_accumulation_steps=1 gradient_checkpointing=true',
    'quantization="nf4" per_device_train_batch_size=32 gradient_accumulation_steps=1',
    'quantization="none" per_device_train_batch_size=4 gradient_accumulation_steps=1 method="dpo"',
    'quantization="none" per_device_train_batch_size=4 gradient_accumulation_steps=1 method="kto"',
    'quantization="none" per_device_train_batch_size=4 gradient_accumulation_steps=1 method="reward"',
)


def this_device() -> Any:
    """The GPU of this machine, else its processor."""
    import torch

    from finetune_app.jobs.plan.devices import Device

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        return Device("cuda", found.name, found.total_memory, torch.cuda.is_bf16_supported())
    features = torch.cpu.get_capabilities()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    has_bf16 = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    return Device("cpu", "CPU", memory, has_bf16, torch.get_num_threads())


def lengths(path: Path) -> tuple[list[int], list[int]]:
    """Tokens of each row, and how many of them come before the answer: the tokenizer takes a word for a token.

    Of two answers the longer one counts.
    """
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    prompts = [len(row["prompt"].split()) + TEMPLATE_TOKENS for row in rows]
    answers = [max(len(row.get(name, "").split()) for name in ANSWERS) + TEMPLATE_TOKENS for row in rows]
    return [sum(pair) for pair in zip(prompts, answers, strict=True)], prompts


def compare(work: Path, shape: str, steps: int, options: dict[str, Any]) -> dict[str, Any]:
    """One run: predicted and measured."""
    from benchmarks import train
    from finetune_app.jobs.methods import load_config
    from finetune_app.jobs.plan.choose import Situation, make_plan
    from finetune_app.jobs.plan.rows import Rows
    from finetune_app.jobs.plan.shapes import model_shape

    form = FORMS.get(options.get("method", "sft"), "prompt_completion")
    facts = train.run(work, shape, steps, options, train.MODULES[:1], form=form)
    config = load_config({"max_steps": steps, "held_out_share": 0.01} | options)
    sizes = model_shape(json.loads((work / shape / "config.json").read_text()))
    if sizes is None:
        raise SystemExit("The shape of this base is not known.")
    lean = facts.get("trainer path") == "lean"
    rows = Rows.known(*lengths(work / f"{form}.jsonl"))
    plan = make_plan(config, Situation(sizes, this_device(), rows, lean=lean))
    peak, speed = facts.get("trainer peak_memory_bytes"), facts.get("steady_tokens_per_second")
    return {
        "shape": shape, "options": options, "device": facts.get("trainer device"), "path": facts.get("trainer path"),
        "predicted_bytes": plan.memory.peak_bytes, "measured_bytes": peak,
        "memory_ratio": round(peak / plan.memory.peak_bytes, 3) if peak else None,
        "parts": vars(plan.memory),
        "predicted_tokens_per_second": round(plan.time.tokens_per_second, 1), "measured_tokens_per_second": speed,
        "speed_ratio": round(speed / plan.time.tokens_per_second, 3) if speed else None,
        "error": facts.get("error") or facts.get("stderr"),
    }  # fmt: skip


def main() -> None:
    """Print one JSON line for each run."""
    from benchmarks import train

    train.SHAPES["small"] = SMALL
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", choices=train.SHAPES, default="small")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--run", action="append", default=[], help="options of the training config, name=value …")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for text in arguments.run or RUNS:
        items = (item.split("=", 1) for item in f"{USUAL} {text}".split())
        options = {name: json.loads(value) for name, value in items}
        print(json.dumps(compare(arguments.work, arguments.shape, arguments.steps, options)), flush=True)


if __name__ == "__main__":
    main()
