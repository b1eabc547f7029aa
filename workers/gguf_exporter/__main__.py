"""Child program: a merged model becomes one GGUF file. `python -m workers.gguf_exporter RUN_FOLDER`."""

import resource
import shutil
import time
from pathlib import Path
from typing import Any

from gguf import GGMLQuantizationType
from transformers import AutoConfig

from finetune_app.jobs.states import Phase
from workers.child import log, run_on_folder
from workers.gguf_exporter.architectures import architecture_of, attention_remark
from workers.gguf_exporter.check import Checked, check_file, different_tokens
from workers.gguf_exporter.llama import (
    BY_ITSELF,
    QUESTION,
    answer,
    has_llama,
    llama_version,
    opened,
    quantize_file,
    require_type,
)
from workers.gguf_exporter.spec import GgufSpec
from workers.gguf_exporter.tensors import place_tensors
from workers.gguf_exporter.tokens import load_tokenizer, read_vocabulary
from workers.gguf_exporter.unfit import unfit
from workers.gguf_exporter.write import Content, write_gguf
from workers.progress import Progress

PARTIAL_FOLDER = "unchecked"


def main(run_folder: Path) -> dict[str, Any]:
    """Write the file, read it back, ask it; it gets its place in the result's folder only then.

    Raises:
        ChildFailure: the model cannot become such a file.
        OSError: the disk is full.
    """
    start = time.monotonic()
    spec = GgufSpec.load(run_folder)
    require_type(spec.type)
    tokenizer = load_tokenizer(spec.folder)
    content = _content(spec, tokenizer)
    for remark in content.vocabulary.remarks:
        log(remark, level="warning")
    progress = Progress(Phase.CONVERTING, 2 * content.values)
    unchecked = run_folder / PARTIAL_FOLDER
    shutil.rmtree(unchecked, ignore_errors=True)
    unchecked.mkdir()
    file = _write(unchecked, content, spec, progress)
    checked = check_file(file, content, spec, progress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    said = _ask(file, content, tokenizer) if has_llama() else {}
    spec.result_folder.mkdir(exist_ok=True)
    file.rename(spec.result_folder / spec.file_name)
    return (
        _facts(content, checked)
        | said
        | {
            "seconds": round(time.monotonic() - start, 1),
            "peak_ram_bytes": peak,
        }
    )


def _content(spec: GgufSpec, tokenizer: Any) -> Content:
    config = AutoConfig.from_pretrained(spec.folder, local_files_only=True)
    architecture = architecture_of(config)
    # what llama.cpp quantizes further is written as it is stored, so that nothing is rounded twice
    wanted = GGMLQuantizationType[spec.type] if spec.type in BY_ITSELF else None
    placed = place_tensors(spec.folder, config, architecture, wanted)
    rows = next((each.source.shape[0] for each in placed if each.name == "token_embd.weight"), None)
    if rows != config.vocab_size:
        raise unfit(f"The model's config promises {config.vocab_size} tokens, and its embedding has {rows}.")
    vocabulary = read_vocabulary(spec.folder, tokenizer, config.vocab_size)
    if remark := attention_remark(config):
        vocabulary.remarks.append(remark)
    return Content(config, architecture, vocabulary, placed)


def _write(folder: Path, content: Content, spec: GgufSpec, progress: Progress) -> Path:
    """The file, in one go or by way of one as large as the model."""
    file = folder / spec.file_name
    if spec.type in BY_ITSELF:
        write_gguf(file, content, spec, progress)
        return file
    whole = folder / "whole.gguf"
    write_gguf(whole, content, spec, progress)
    log(f"llama.cpp quantizes it to {spec.type}.")
    quantize_file(whole, file, spec.type)
    whole.unlink()
    return file


def _ask(file: Path, content: Content, tokenizer: Any) -> dict[str, Any]:
    """Load the file with llama.cpp: it must cut texts into the same tokens, and answer."""
    with opened(file) as model:
        if different := different_tokens(model, tokenizer, content.vocabulary):
            raise unfit(f"llama.cpp makes other tokens of a text than the model's own tokenizer: {different[0]!r}.")
        said = answer(model, QUESTION, has_template=bool(content.vocabulary.template)).strip()
    if not said:
        raise unfit("llama.cpp loads the file, but the model answers nothing.")
    log(f"llama.cpp asks it: {QUESTION} It answers: {said}")
    return {"llama_cpp": llama_version(), "question": QUESTION, "answer": said}


def _facts(content: Content, checked: Checked) -> dict[str, Any]:
    return {
        "architecture": content.config.architectures[0],
        "pre_tokenizer": content.vocabulary.pre,
        "types": checked.types,
        "error": checked.error,
        "remarks": content.vocabulary.remarks,
    }


if __name__ == "__main__":
    run_on_folder(main)
