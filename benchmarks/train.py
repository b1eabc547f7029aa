"""Speed and memory of the real trainer and evaluator programs on this machine's device, on a Llama of any shape.

The weights are random: speed and memory do not depend on their values. Each run is a run folder and a child process, as
a worker starts it; the figures are those that the child reports (real tokens, no padding). `steady_tokens_per_second`
leaves out the first steps, in which kernels are compiled.

usage: python benchmarks/train.py WORK_FOLDER [--shape tiny|1b|7b] [--steps N] [--run 'r=64 quantization="nf4" …'] …
"""

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SHAPES = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4},
    "1b": {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
}
VOCABULARY = 32_000
MODULES = ("workers.trainer", "workers.evaluator")
WARM_UP = 5  # steps
TEMPLATE = "{% for m in messages %}<s> {{ m['content'] }} </s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"


def make_base(folder: Path, shape: str) -> None:
    """A base model with random bfloat16 weights and a word-level tokenizer of 32,000 words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=4096, pad_token_id=0, **SHAPES[shape])
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder, max_shard_size="5GB")
    words = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{index}": index for index in range(3, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<unk>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)


def make_rows(path: Path, count: int = 4000, seed: int = 0, form: str = "prompt_completion") -> None:
    """Rows as long as those of databricks-dolly-15k: about 150 tokens on average, some of a thousand.

    The form is that of a dataset: `prompt_completion`, `preference` (two answers) or `kto` (one that is marked).
    """
    draw = random.Random(seed)

    def words(low: float, high: int) -> str:
        length = min(high, int(draw.lognormvariate(low, 0.9)) + 3)
        return " ".join(f"w{draw.randrange(3, VOCABULARY)}" for _ in range(length))

    def row(number: int) -> dict[str, Any]:
        prompt, answer = words(3.6, 700), words(3.9, 600)
        if form == "preference":
            return {"prompt": prompt, "chosen": answer, "rejected": words(3.9, 600)}
        mark = {"label": number % 2 == 0} if form == "kto" else {}
        return {"prompt": prompt, "completion": answer} | mark

    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps(row(number)) + "\n")


def run(
    work: Path,
    shape: str,
    steps: int,
    options: dict[str, Any],
    modules: tuple[str, ...] = MODULES,
    *,
    form: str = "prompt_completion",
) -> dict[str, Any]:
    """One run of these child programs on rows of this form; gives the facts that they report."""
    from adapters.fingerprint import fingerprint
    from workers.spec import SPEC_NAME

    base = work / shape
    if not base.exists():
        make_base(base, shape)
    rows = work / f"{form}.jsonl"
    if not rows.exists():
        make_rows(rows, form=form)
    found = fingerprint(base)
    config = {"max_steps": steps, "lr_scheduler_type": "constant", "held_out_max_rows": 8, "held_out_share": 0.01}
    spec = {
        "job": "benchmark", "adapter_name": "benchmark", "base_name": shape, "base_folder": str(base),
        "base_digests": {
            name: getattr(found, name)
            for name in ("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest")
        },
        "rows_file": str(rows), "file_format": "jsonl", "row_form": form,
        "config": config | options,
    }  # fmt: skip
    folder = work / f"run-{time.time_ns()}"
    folder.mkdir()
    (folder / SPEC_NAME).write_text(json.dumps(spec))
    facts: dict[str, Any] = {"shape": shape, "options": options}
    for module in modules:
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", module, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        facts[f"{module} seconds"] = round(time.monotonic() - start, 1)
        facts |= steady([event for event in events if event["type"] == "step"])
        for event in events:
            if event["type"] in {"plan", "done"}:
                facts |= {f"{module.rpartition('.')[2]} {key}": value for key, value in event["facts"].items()}
            elif event["type"] in {"error", "evaluation"}:
                facts[event["type"]] = event
        if done.returncode:
            facts["stderr"] = done.stderr[-2000:]
            facts["log"] = [event.get("text") for event in events if event["type"] == "log"][-20:]
            break
    return facts


def steady(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Tokens a second from the end of the first warm step to the end of the last one."""
    if len(steps) <= WARM_UP + 1:
        return {}
    first, last = steps[WARM_UP], steps[-1]
    return {
        "steady_tokens_per_second": round((last["tokens"] - first["tokens"]) / (last["seconds"] - first["seconds"])),
        "losses": [step["loss"] for step in (steps[0], last)],
    }


def main() -> None:
    """Make the base once and print one JSON line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--train-only", action="store_true", help="leave the scores out")
    parser.add_argument("--run", action="append", default=[], help="options of the training config, name=value …")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for text in arguments.run or [""]:
        options = {name: json.loads(value) for name, value in (item.split("=", 1) for item in text.split())}
        modules = MODULES[:1] if arguments.train_only else MODULES
        print(json.dumps(run(arguments.work, arguments.shape, arguments.steps, options, modules)), flush=True)


if __name__ == "__main__":
    main()
