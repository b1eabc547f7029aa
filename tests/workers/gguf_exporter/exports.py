"""Tiny models of each architecture that can leave as GGUF, and the real exporter run on them."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from finetune_app.merges.export_options import GgufType
from tests.tiny import CONFIG, HEADS, HIDDEN, KV_HEADS, LAYERS, Tensors, make_tiny_base, tiny_tensors
from tests.workers.runs import Ended, _take_streams, start_call, wait
from workers.gguf_exporter.spec import GgufSpec
from workers.spec import SPEC_NAME

KV_ROWS = HIDDEN // HEADS * KV_HEADS


def bf16(values: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    """As `tests/tiny.py` has tensors."""
    return ("BF16", values.shape, (values.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes())


def floats(tensor: tuple[str, tuple[int, ...], bytes]) -> np.ndarray:
    """The other way."""
    _, shape, content = tensor
    return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)


def tensors_of(architecture: str) -> Tensors:
    """Random weights of that architecture."""
    tensors, random = tiny_tensors(), np.random.default_rng(1)
    for layer in range(LAYERS):
        attention = f"model.layers.{layer}.self_attn"
        if architecture == "Qwen2ForCausalLM":
            for name, rows in (("q", HIDDEN), ("k", KV_ROWS), ("v", KV_ROWS)):
                tensors[f"{attention}.{name}_proj.bias"] = bf16(random.normal(0, 1, rows))
        if architecture == "Qwen3ForCausalLM":
            for name in ("q", "k"):
                tensors[f"{attention}.{name}_norm.weight"] = bf16(random.normal(1, 0.3, HIDDEN // HEADS))
    return tensors


def make_model(
    folder: Path, architecture: str = "LlamaForCausalLM", *, tensors: Tensors | None = None, **config: Any
) -> Path:
    """A model folder as the merger leaves one; `config` changes the config."""
    make_tiny_base(folder, tensors=tensors or tensors_of(architecture))
    changed = CONFIG | {
        "architectures": [architecture],
        "model_type": architecture.removesuffix("ForCausalLM").lower(),
        "head_dim": HIDDEN // HEADS,
    }
    (folder / "config.json").write_text(json.dumps(changed | config))
    return folder


def change_tokenizer(folder: Path, **parts: Any) -> None:
    """Put other parts into the tokenizer's definition."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


def export(run_folder: Path, model: Path, type: GgufType = GgufType.F16, *, hides_llama: bool = False) -> Ended:
    """Run the exporter on a model folder; `hides_llama`: as on a worker without llama.cpp."""
    run_folder.mkdir()
    spec = GgufSpec(
        folder=model,
        result_folder=Path("result"),
        type=type,
        name="adder-v1",
        base="tiny@1",
        base_address="https://huggingface.co/acme/tiny",
        license="apache-2.0",
        provenance={"adapter": "adder@1"},
    )
    (run_folder / SPEC_NAME).write_text(spec.model_dump_json())
    process = start_call(_without_llama if hides_llama else _exporter, run_folder)
    return wait(process, run_folder)


def exported(run_folder: Path, model: Path, type: GgufType = GgufType.F16) -> Path:
    """The file that the exporter makes of it."""
    ended = export(run_folder, model, type)
    assert ended.done["types"], ended
    (file,) = (run_folder / "result").iterdir()
    assert file.name == f"adder-v1-{type}.gguf"
    return file


def _without_llama(run_folder: Path) -> None:
    sys.modules["llama_cpp"] = None  # type: ignore[assignment] - so Python finds it nowhere
    _exporter(run_folder)


def _exporter(run_folder: Path) -> None:
    _take_streams(run_folder)
    sys.argv = ["workers.gguf_exporter", str(run_folder)]
    from workers.child import run_on_folder
    from workers.gguf_exporter.__main__ import main

    run_on_folder(main)
