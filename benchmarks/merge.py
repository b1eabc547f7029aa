"""Graft's merge beside peft's load + merge_and_unload + save_pretrained, on the same model and the same machine.

Run: `python benchmarks/merge.py WORK_FOLDER [--size 1b|7b] [--device cpu|cuda] [--rounds 3] [--dtype bfloat16]`. The
first run makes a Llama of that shape with random bfloat16 weights (1.9 or 13.5 GB) and a LoRA adapter in float32, r=64
on all linear layers, in WORK_FOLDER; later ones take them again. The programs take turns, each in a process of its own,
on files that were just written or read, so that they lie in memory where there is enough of it. A line of JSON each:

seconds: from the start of the process to its end, Python and its imports included; cpu_seconds: those that the cores
spent on it, which other programs on the machine hardly change. merging: of the seconds, what comes after the imports;
for Graft that includes the check of the base's digests, which peft does not make: with digests that this machine
computed before (as in a worker that used the base before), and with all of the base hashed first.
peak_ram_mb: the most that the process held (VmHWM), its libraries included; peak_gpu_mb: of tensors on the GPU.

At the end tensors of both results are compared: the largest difference, and which part of the values differs at all.
Needs torch, transformers, accelerate, peft, safetensors, numpy, pydantic and msgspec; neither Django nor a database.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.merge_inputs import SHAPES, make_adapter, make_base  # noqa: E402

PEFT = """
import json, sys, time
began = time.perf_counter()
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
imported = time.perf_counter()
base, adapter, target, device, dtype = sys.argv[1:]
place = {"": 0 if device == "cuda" else "cpu"}
model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), device_map=place)
loaded = time.perf_counter()
merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
if device == "cuda":
    torch.cuda.synchronize()
ready = time.perf_counter()
merged.save_pretrained(target)
ended = time.perf_counter()
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
gpu = torch.cuda.max_memory_allocated() if device == "cuda" else 0
print(json.dumps({"imports": imported - began, "load": loaded - imported, "merge": ready - loaded,
                  "save": ended - ready, "merging": ended - imported,
                  "peak_ram_mb": peak * 1024 / 1e6, "peak_gpu_mb": gpu / 1e6}))
"""
CHECK = """
import json, sys
from pathlib import Path
from workers.known_base import known_fingerprint
from workers.spec import BaseDigests
found = known_fingerprint(Path(sys.argv[1]))
print(json.dumps({name: getattr(found, name) for name in BaseDigests.model_fields}))
"""
COMPARE = """
import json, sys
from pathlib import Path
import torch
from adapters.weight_files import read_tensors, weight_files
from workers.merger.reading import read_tensor
left, right = ({t.name: t for t in read_tensors(weight_files(Path(folder)))} for folder in sys.argv[1:])
assert left.keys() == right.keys(), left.keys() ^ right.keys()
names = sorted(left)
names = names[:: max(1, len(names) // 60)]
largest = different = count = 0
for name in names:
    one, other = read_tensor(left[name]).float(), read_tensor(right[name]).float()
    largest = max(largest, (one - other).abs().max().item())
    different, count = different + (one != other).sum().item(), count + one.numel()
share = different / count
print(json.dumps({"tensors_compared": len(names), "largest_difference": largest, "share_that_differs": share}))
"""


def main() -> None:
    """Make what is missing, let both merge in turn, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(SHAPES), default="1b")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"], default="bfloat16")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    home = options.folder.resolve() / options.size
    base, adapter = home / "base", home / "adapter"
    if not adapter.exists():
        shutil.rmtree(home, ignore_errors=True)
        make_base(base, SHAPES[options.size])
        make_adapter(adapter, SHAPES[options.size])
    tell("machine", facts(options))
    digests = json.loads(run([sys.executable, "-c", CHECK, str(base)], options.device)[0])
    for _ in range(options.rounds):
        tell("peft", with_peft(home, options))
        tell("graft", with_graft(home, digests, options, is_checked=True))
        tell("graft, digests not yet known", with_graft(home, digests, options, is_checked=False))
    compared = run([sys.executable, "-c", COMPARE, str(home / "peft"), str(home / "run" / "merged")], options.device)[0]
    tell("compared", json.loads(compared))


def with_peft(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Load, merge, save."""
    shutil.rmtree(home / "peft", ignore_errors=True)
    arguments = [str(home / name) for name in ("base", "adapter", "peft")]
    output, took = run([sys.executable, "-c", PEFT, *arguments, options.device, options.dtype], options.device)
    return took | json.loads(output.splitlines()[-1])


def with_graft(home: Path, digests: dict[str, str], options: argparse.Namespace, *, is_checked: bool) -> dict[str, Any]:
    """The child as a worker starts it; `is_checked`: the base's digests were computed here before."""
    folder = home / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home / "adapter", folder / "adapter")
    spec = {
        "base": "base@1",
        "base_folder": str(home / "base"),
        "base_digests": digests,
        "adapter": "adapter@1",
        "manifest_sha256": "0" * 64,
        "options": {"dtype": options.dtype},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    if not is_checked:
        (home / "base.digests.json").unlink(missing_ok=True)
    output, took = run([sys.executable, "-m", "workers.merger", str(folder)], options.device)
    last = json.loads(output.splitlines()[-1])
    if last.get("type") != "done":
        raise SystemExit(f"the merge failed: {output[-2000:]}")
    found = json.loads((folder / "merge.json").read_text())
    return took | {
        "merging": found["seconds"],
        "device": found["device"],
        "peak_ram_mb": found["peak_ram_bytes"] / 1e6,
        "peak_gpu_mb": found["peak_gpu_bytes"] / 1e6,
    }


def run(command: list[str], device: str) -> tuple[str, dict[str, Any]]:
    """What it prints, and how long it takes; on the CPU it sees no GPU."""
    hidden = {} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"} | hidden
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:3]} ended with {done.returncode}: {done.stdout[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, {"seconds": seconds, "cpu_seconds": cpu}


def facts(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    from importlib.metadata import version

    return {
        "size": options.size,
        "device": options.device,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": sys.version.split()[0],
        **{name: version(name) for name in ("torch", "transformers", "peft", "safetensors")},
    }


def tell(what: str, found: dict[str, Any]) -> None:
    """One line."""
    rounded = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in found.items()}
    print(json.dumps({"what": what} | rounded), flush=True)


if __name__ == "__main__":
    main()
