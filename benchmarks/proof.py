"""What the proof of a merged model costs: merger and prover as a worker starts them, on random weights.

Run: `python benchmarks/proof.py WORK_FOLDER [--size 1b|7b] [--dtype bfloat16] [--onto original] [--quantized]`.
It makes the base and the adapter of `benchmarks/merge.py` in WORK_FOLDER, with a tokenizer that has a token for each
byte, merges them, and proves the merge on 64 general prompts; `--quantized` says that the adapter was trained on nf4,
so both ways are measured. A line of JSON for each program and the report's gates and facts. Needs torch, transformers,
peft, bitsandbytes, safetensors, numpy and pydantic; neither Django nor a database.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.merge_inputs import SHAPES, make_adapter, make_base  # noqa: E402
from finetune_app.merges.options import MergeOptions  # noqa: E402
from finetune_app.merges.report import REPORT_NAME  # noqa: E402
from workers.known_base import known_fingerprint  # noqa: E402
from workers.merge_spec import ADAPTER_FOLDER, MergeSpec  # noqa: E402
from workers.spec import SPEC_NAME, BaseDigests  # noqa: E402

SHOWN = ("verdict", "positions", "top1", "kl", "effect", "ways", "closest", "reference", "facts")


def main() -> None:
    """Make what is missing, merge, prove, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SHAPES, default="1b")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--onto", default="original")
    parser.add_argument("--quantized", action="store_true")
    chosen = parser.parse_args()
    base, adapter = chosen.folder / f"base-{chosen.size}", chosen.folder / f"adapter-{chosen.size}"
    if not base.exists():
        make_base(base, SHAPES[chosen.size])
        make_adapter(adapter, SHAPES[chosen.size])
        make_tokenizer(base)
    run_folder = chosen.folder / "run"
    shutil.rmtree(run_folder, ignore_errors=True)
    shutil.copytree(adapter, run_folder / ADAPTER_FOLDER)
    found = known_fingerprint(base)
    spec = MergeSpec(
        base="random@1",
        base_folder=base.resolve(),
        base_digests=BaseDigests(**{name: getattr(found, name) for name in BaseDigests.model_fields}),
        adapter="random@1",
        manifest_sha256="0" * 64,
        is_quantized=chosen.quantized,
        options=MergeOptions(dtype=chosen.dtype, onto=chosen.onto),
    )
    (run_folder / SPEC_NAME).write_text(spec.model_dump_json())
    for module in ("workers.merger", "workers.merge_prover"):
        run(module, run_folder)
    report = json.loads((run_folder / REPORT_NAME).read_text())
    for gate in report["gates"]:
        print(json.dumps(gate))
    print(json.dumps({name: report[name] for name in SHOWN}))
    shutil.rmtree(run_folder)


def make_tokenizer(folder: Path) -> None:
    """One token for each byte, so that every prompt has many."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={name: place for place, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    whole.save_pretrained(folder)


def run(module: str, run_folder: Path) -> None:
    """One child; its last line is printed with the seconds of the whole process."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = os.environ | {"PYTHONPATH": paths, "TQDM_DISABLE": "1"}
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", module, str(run_folder)], env=variables, stdout=subprocess.PIPE, check=False
    )
    last = ended.stdout.decode().splitlines()[-1:]
    print(json.dumps({"what": module, "seconds": round(time.perf_counter() - began, 1), "last": last}))
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
