"""What `benchmarks/merge.py` merges: a Llama with random weights and a LoRA adapter, made with little memory."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.merger.shards import Entry, Shard, create, split

RANK, ALPHA = 64, 128
BLOCK_VALUES = 4 * 1024 * 1024
SHARD_BYTES = 5 * 10**9  # as the models of this shape on the hub
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Shape:
    """The numbers of a Llama's config."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int = 32_000

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """The linear layers of one decoder layer, outputs first."""
        kv = self.hidden // self.heads * self.kv_heads
        return {
            "self_attn.q_proj": (self.hidden, self.hidden),
            "self_attn.k_proj": (kv, self.hidden),
            "self_attn.v_proj": (kv, self.hidden),
            "self_attn.o_proj": (self.hidden, self.hidden),
            "mlp.gate_proj": (self.intermediate, self.hidden),
            "mlp.up_proj": (self.intermediate, self.hidden),
            "mlp.down_proj": (self.hidden, self.intermediate),
        }

    @property
    def config(self) -> dict[str, object]:
        """config.json."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-05,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
        }


SHAPES = {
    "tiny": Shape(hidden=256, intermediate=688, layers=4, heads=4, kv_heads=2),
    "1b": Shape(hidden=2048, intermediate=5632, layers=19, heads=32, kv_heads=4),
    "7b": Shape(hidden=4096, intermediate=11008, layers=32, heads=32, kv_heads=32),
}


def make_base(folder: Path, shape: Shape) -> None:
    """The base; its tokenizer is that of nobody, which a merge only copies."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(shape.config, indent=2))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": {}, "merges": []}}))
    (folder / "tokenizer_config.json").write_text("{}")
    entries = [Entry("model.embed_tokens.weight", "BF16", (shape.vocabulary, shape.hidden))]
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}"
        entries += [Entry(f"{prefix}.{name}.weight", "BF16", size) for name, size in shape.linear.items()]
        norms = ("input_layernorm", "post_attention_layernorm")
        entries += [Entry(f"{prefix}.{name}.weight", "BF16", (shape.hidden,)) for name in norms]
    entries += [
        Entry("model.norm.weight", "BF16", (shape.hidden,)),
        Entry("lm_head.weight", "BF16", (shape.vocabulary, shape.hidden)),
    ]
    _write(folder, entries, split(entries, SHARD_BYTES))


def make_adapter(folder: Path, shape: Shape) -> None:
    """r=64 on all linear layers, in float32, as peft names and saves it."""
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "target_modules": list(TARGETS),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    entries = []
    for layer in range(shape.layers):
        for name, (outputs, inputs) in shape.linear.items():
            prefix = f"base_model.model.model.layers.{layer}.{name}"
            entries += [
                Entry(f"{prefix}.lora_A.weight", "F32", (RANK, inputs)),
                Entry(f"{prefix}.lora_B.weight", "F32", (outputs, RANK)),
            ]
    (shard,) = split(entries, 10**12)
    named = Shard("adapter_model.safetensors", shard.header, shard.places, shard.size)
    create(folder, [named])
    (folder / "model.safetensors.index.json").unlink()
    _fill(folder, entries, [named])


def _write(folder: Path, entries: list[Entry], shards: list[Shard]) -> None:
    create(folder, shards)
    _fill(folder, entries, shards)


def _fill(folder: Path, entries: list[Entry], shards: list[Shard]) -> None:
    by_name = {entry.name: entry for entry in entries}
    threads = len(os.sched_getaffinity(0))
    for shard in shards:
        file = os.open(folder / shard.file, os.O_WRONLY)
        try:
            with ThreadPoolExecutor(threads) as pool:
                blocks = [(name, first) for name in shard.places for first in _firsts(by_name[name])]
                list(pool.map(lambda block: _write_block(file, shard, by_name[block[0]], block[1]), blocks))  # noqa: B023
        finally:
            os.close(file)


def _firsts(entry: Entry) -> Iterator[int]:
    yield from range(0, math.prod(entry.shape), BLOCK_VALUES)


def _write_block(file: int, shard: Shard, entry: Entry, first: int) -> None:
    count = min(BLOCK_VALUES, math.prod(entry.shape) - first)
    seed = int.from_bytes(hashlib.sha256(f"{entry.name} {first}".encode()).digest()[:8], "little")
    values = np.random.default_rng(seed).random(count, np.float32)
    values -= 0.5
    # The change is a fifth of the weights, or so, as after a long training.
    values *= 0.2 / math.sqrt(RANK) if "lora_B" in entry.name else math.sqrt(12.0 / entry.shape[-1])
    if len(entry.shape) == 1:
        values = np.ones(count, np.float32)
    content = values.tobytes() if entry.dtype == "F32" else _bfloat16(values)
    width = len(content) // count
    os.pwrite(file, content, shard.places[entry.name] + first * width)


def _bfloat16(values: np.ndarray) -> bytes:
    return ((values.view(np.uint32) + 0x8000) >> 16).astype("<u2").tobytes()
