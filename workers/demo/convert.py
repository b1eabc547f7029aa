"""Child program: a GGUF file becomes an ordinary base folder. `python -m workers.demo.convert GGUF OUT_FOLDER`.

The folder holds bfloat16 safetensors, config, tokenizer, chat template and generation config, and it is there whole or
not at all: everything is written beside it, loaded back and tried before it gets its name.
"""

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, log, run_program

STAGES = 5
QUESTION = "What is the capital of France?"


def main() -> dict[str, Any]:
    """Convert the GGUF on the command line; the facts are the folder, its bytes and the seconds it took."""
    if len(sys.argv) != 3:  # noqa: PLR2004
        raise SystemExit("usage: python -m workers.demo.convert GGUF OUT_FOLDER")
    gguf, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    logging.set_verbosity_error()  # it advises on the speed of a GGUF model, which is loaded here once to be converted
    start = time.monotonic()
    if not out.exists():
        convert(gguf, out)
    size = sum(path.stat().st_size for path in out.iterdir())
    return {"folder": str(out), "bytes": size, "seconds": round(time.monotonic() - start, 1)}


def convert(gguf: Path, out: Path) -> None:
    """Write the base folder `out` from the GGUF file; an interrupted try leaves only `out`.partial behind."""
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _stage(0, f"Reading {gguf.name}.")
    source: dict[str, Any] = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    config = AutoConfig.from_pretrained(**source)
    loaded = AutoModelForCausalLM.from_pretrained(config=config, dtype=torch.bfloat16, **source)
    _stage(1, "Reading its tokenizer.")
    tokenizer: Any = AutoTokenizer.from_pretrained(**source)
    _stage(2, "Writing safetensors in bfloat16.")
    model = _unquantized(loaded)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    _stage(3, "Loading it back and comparing every tensor.")
    again, tokenizer = _load_and_compare(partial, model)
    _stage(4, f"Asking it: {QUESTION}")
    log(f"It answers: {_answer(again, tokenizer)}")
    partial.rename(out)
    _stage(5, "Converted.")


def _stage(done: int, text: str) -> None:
    emit(PhaseEvent(phase=Phase.PREPARING, done=done, total=STAGES))
    log(text)


def _unquantized(loaded: PreTrainedModel) -> PreTrainedModel:
    """The same weights in a model that may be saved: one that came from a GGUF counts as quantized and refuses to."""
    config = loaded.config
    del config.quantization_config
    for name in ("_model_name_or_path", "unk_token_id"):  # the GGUF's own remarks, no part of the architecture
        if hasattr(config, name):
            delattr(config, name)
    config.rms_norm_eps = float(f"{config.rms_norm_eps:.6g}")  # a GGUF keeps 1e-05 as the nearest float32
    config.architectures = [type(loaded).__name__]
    model = type(loaded)._from_config(config, dtype=torch.bfloat16)  # noqa: SLF001
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    return model


def _load_and_compare(folder: Path, written: PreTrainedModel) -> tuple[Any, Any]:
    again = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    expected, found = written.state_dict(), again.state_dict()
    different = [name for name in expected if not torch.equal(expected[name], found[name])]
    if again.dtype != torch.bfloat16 or expected.keys() != found.keys() or different:
        raise RuntimeError(f"What was written reads back differently: {different[:3] or again.dtype}")
    return again, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _answer(model: Any, tokenizer: Any) -> str:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        logits = model(**prompt).logits
        if not torch.isfinite(logits).all():
            raise RuntimeError("The converted model's logits are not finite.")
        tokens = model.generate(**prompt, max_new_tokens=24, do_sample=False)
    return str(tokenizer.decode(tokens[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


if __name__ == "__main__":
    run_program(main)
