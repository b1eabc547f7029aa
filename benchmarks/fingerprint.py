"""How fast a base's digests are computed, beside `openssl dgst -sha256` on the same files.

Run: `python benchmarks/fingerprint.py [--gigabytes 2] [--rounds 5] [--folder FOLDER]`. It writes a model-shaped set of
random bfloat16 weights (the tensors of a Llama, one file and the same in four) with a config and a tokenizer, reads all
of it once so that it lies in memory, and then lets both programs take turns: the whole fingerprint as a worker's child
computes it, in a process of its own, and openssl. On one core both are held to it; on two, openssl is started twice,
each on half of the files. Given are megabytes of weights a second and core: by the clock, and by the time that the
cores spent on it, which a machine that is busy with other things does not blur. Of the rounds the best counts.

Graft's fingerprint also hashes tokenizer, config and template, and reads the files' headers; its start is not counted,
nor is openssl's, which is a few milliseconds. It fails when a copy in four files has another `weights_root`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HIDDEN, INTERMEDIATE, VOCABULARY, KV = 2_048, 5_632, 32_000, 256
MB = 1e6
CHILD = """
import json, os, resource, sys, time
from pathlib import Path
os.sched_setaffinity(0, json.loads(sys.argv[1]))
from adapters.fingerprint import fingerprint
before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
root = fingerprint(Path(sys.argv[2])).weights_root
seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"root": root, "seconds": seconds, "cpu": cpu, "peak": after.ru_maxrss}))
"""


@dataclass(frozen=True)
class Took:
    """Seconds by the clock and by the cores."""

    seconds: float
    cpu: float


def shapes(bytes_wanted: int) -> dict[str, tuple[int, ...]]:
    """Llama's tensors, as many layers as make up about so many bytes."""
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "lm_head.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    layer = 0
    while sum(2 * int(np.prod(shape)) for shape in found.values()) < bytes_wanted:
        prefix = f"model.layers.{layer}"
        found |= {
            f"{prefix}.input_layernorm.weight": (HIDDEN,),
            f"{prefix}.post_attention_layernorm.weight": (HIDDEN,),
            f"{prefix}.self_attn.q_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.self_attn.k_proj.weight": (KV, HIDDEN),
            f"{prefix}.self_attn.v_proj.weight": (KV, HIDDEN),
            f"{prefix}.self_attn.o_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.mlp.gate_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.up_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.down_proj.weight": (HIDDEN, INTERMEDIATE),
        }
        layer += 1
    return found


def write_shard(path: Path, names: dict[str, tuple[int, ...]], seeds: dict[str, int]) -> None:
    """A safetensors file, written tensor by tensor; the same name has the same bytes in any file."""
    header: dict[str, object] = {}
    position = 0
    for name, shape in names.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in names.items():
            file.write(np.random.default_rng(seeds[name]).bytes(2 * int(np.prod(shape))))


def make_base(folder: Path, bytes_wanted: int, shards: int) -> int:
    """A base in so many files; how many bytes its weights have."""
    from tests.tiny import make_tiny_base

    make_tiny_base(folder)
    (folder / "model.safetensors").unlink()
    wanted = shapes(bytes_wanted)
    seeds = {name: number for number, name in enumerate(wanted)}
    if shards == 1:
        write_shard(folder / "model.safetensors", wanted, seeds)
    else:
        weight_map = {}
        for shard in range(shards):
            part = {name: wanted[name] for name in list(wanted)[shard::shards]}
            file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            write_shard(folder / file, part, seeds)
            weight_map |= dict.fromkeys(part, file)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return sum(2 * int(np.prod(shape)) for shape in wanted.values())


def graft(folder: Path, cores: list[int]) -> tuple[Took, str, int]:
    """The fingerprint on these cores; the root, and the most memory in KB."""
    command = [sys.executable, "-c", CHILD, json.dumps(cores), str(folder)]
    done = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    return Took(done["seconds"], done["cpu"]), done["root"], done["peak"]


def openssl(folder: Path, cores: list[int]) -> Took:
    """One openssl on each of these cores, the files dealt out among them."""
    files = sorted(folder.glob("*.safetensors"))
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = []
    for place, core in enumerate(cores):
        hold: Callable[[], None] = lambda core=core: os.sched_setaffinity(0, [core])  # type: ignore[misc]  # noqa: E731
        names = [str(path) for path in files[place :: len(cores)]]
        command = ["openssl", "dgst", "-sha256", *names]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=hold))  # noqa: PLW1509
    if any(process.wait() for process in running):
        raise SystemExit("openssl failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - start, cpu)


def best(rounds: list[Took]) -> Took:
    """The least of each."""
    return Took(min(took.seconds for took in rounds), min(took.cpu for took in rounds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        bases = {shards: Path(made) / f"in-{shards}" for shards in (1, 4)}
        sizes = {shards: make_base(folder, int(options.gigabytes * 1e9), shards) for shards, folder in bases.items()}
        size = sizes[1]
        runs = [("one file, 1 core", 1, cores[:1]), ("four files, 1 core", 4, cores[:1])]
        if len(cores) > 1:
            runs.append(("four files, 2 cores", 4, cores))
        print(f"{size / 1e9:.2f} GB of weights; best of {options.rounds}")
        print("| what | openssl | Graft | share | openssl, by the clock | Graft, by the clock |")
        roots, peak = set(), 0
        for words, shards, held in runs:
            openssl(bases[shards], held)  # now the files lie in memory
            theirs, ours = [], []
            for _ in range(options.rounds):
                theirs.append(openssl(bases[shards], held))
                took, root, kilobytes = graft(bases[shards], held)
                ours.append(took)
                roots.add(root)
                peak = max(peak, kilobytes)
            them, us = best(theirs), best(ours)
            theirs_each, ours_each = size / MB / them.cpu, size / MB / us.cpu
            clock = " | ".join(f"{size / MB / took.seconds / len(held):,.0f}" for took in (them, us))
            share = ours_each / theirs_each
            print(f"| {words} | {theirs_each:,.0f} | {ours_each:,.0f} | {share:.0%} | {clock} |", flush=True)
        print(f"Peak memory of Graft's process, mapped files included: {peak / 1024:,.0f} MB")
        if len(roots) != 1:
            raise SystemExit("the two copies have different weights roots")


if __name__ == "__main__":
    main()
