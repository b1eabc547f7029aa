"""What lies in a GGUF file: every tensor in its place and order, the tokenizer, the template, where it comes from."""

import hashlib
import json
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from adapters.weight_files import StoredTensor
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from finetune_app.merges.export_options import GgufType
from tests.tiny import CHATML, HEADS, HIDDEN, LAYERS, VOCABULARY, tiny_tensors, write_safetensors
from tests.workers.gguf_exporter.exports import (
    KV_ROWS,
    bf16,
    change_tokenizer,
    export,
    exported,
    floats,
    make_model,
    tensors_of,
)
from workers.gguf_exporter import tensors
from workers.progress import Progress

HEAD = HIDDEN // HEADS
PER_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"} | {
    f"model.layers.{layer}.{theirs}": f"blk.{layer}.{ours}"
    for layer in range(LAYERS)
    for theirs, ours in PER_LAYER.items()
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def file(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("run") / "run", model)


def values_in(file: Path) -> dict[str, np.ndarray]:
    found = {}
    for tensor in gguf.GGUFReader(file).tensors:
        shape = tuple(reversed(tensor.shape.tolist()))
        found[tensor.name] = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
    return found


def said_in(file: Path) -> dict[str, object]:
    reader = gguf.GGUFReader(file)
    return {name: field.contents() for name, field in reader.fields.items()}


def turned(name: str, values: np.ndarray) -> np.ndarray:
    """As llama.cpp wants q and k: of each head, row n of the first half, then row n of the second, and so on."""
    if not name.endswith(("attn_q.weight", "attn_k.weight")):
        return values
    order = [
        head + row + half for head in range(0, len(values), HEAD) for row in range(HEAD // 2) for half in (0, HEAD // 2)
    ]
    return values[order]


def test_every_tensor_lies_in_its_place(file: Path) -> None:
    found = values_in(file)
    assert found.keys() == set(NAMES.values())
    for name, tensor in tiny_tensors().items():
        expected = turned(NAMES[name], floats(tensor))
        np.testing.assert_allclose(found[NAMES[name]], expected, rtol=2**-10, atol=2**-24, err_msg=name)


@pytest.mark.parametrize(("type", "most"), [(GgufType.BF16, 0.0), (GgufType.Q8_0, 0.008)])
def test_other_types_keep_the_numbers_within_their_error(
    tmp_path: Path, model: Path, type: GgufType, most: float
) -> None:
    file = exported(tmp_path / "run", model, type)
    found, tensors = values_in(file), gguf.GGUFReader(file).tensors
    assert {tensor.tensor_type.name for tensor in tensors} == {"F32", type.value}
    for name, tensor in tiny_tensors().items():
        expected = turned(NAMES[name], floats(tensor))
        error = np.linalg.norm(found[NAMES[name]] - expected) / np.linalg.norm(expected)
        assert error <= most, name


def test_it_says_what_it_is_and_where_it_comes_from(file: Path) -> None:
    said = said_in(file)
    expected = {
        "general.architecture": "llama",
        "general.name": "adder-v1",
        "general.license": "apache-2.0",
        "general.base_model.0.name": "tiny",
        "general.base_model.0.version": "1",
        "general.base_model.0.repo_url": "https://huggingface.co/acme/tiny",
        "general.file_type": gguf.LlamaFileType.MOSTLY_F16,
        "graft.adapter": "adder@1",
        "llama.block_count": LAYERS,
        "llama.attention.head_count_kv": KV_ROWS // HEAD,
        "llama.rope.freq_base": 100000.0,
        "tokenizer.chat_template": CHATML,
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
    }
    assert {name: said.get(name) for name in expected} == expected
    tokens, types = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    assert isinstance(tokens, list)
    assert isinstance(types, list)
    assert (len(tokens), tokens[:3]) == (VOCABULARY, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    assert types[:4] == [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL]


def test_the_same_model_gives_the_same_bytes_however_it_is_sharded(tmp_path: Path, file: Path) -> None:
    folder = make_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    weights, index = list(tensors_of("LlamaForCausalLM").items()), {}
    for number, part in enumerate((dict(weights[::2]), dict(weights[1::2]))):
        name = f"model-0000{number + 1}-of-00002.safetensors"
        write_safetensors(folder / name, part)
        index |= dict.fromkeys(part, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    again = exported(tmp_path / "run", folder)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


def test_tokens_that_frame_a_text_and_all_that_end_an_answer_are_told(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    special = {"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}
    change_tokenizer(
        folder,
        post_processor={
            "type": "TemplateProcessing",
            "single": [special, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [special, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}},
        },
    )
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 1, "eos_token_id": [2, 0]}))
    said = said_in(exported(tmp_path / "run", folder))
    assert said["tokenizer.ggml.add_bos_token"] is True
    assert said["tokenizer.ggml.add_eos_token"] is False
    assert (said["tokenizer.ggml.eos_token_id"], said["tokenizer.ggml.eot_token_id"]) == (2, 0)


def test_a_template_goes_along_without_the_marks_that_only_transformers_knows(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    marked = "{% for m in messages %}{%- generation %}{{ m.content }}{% endgeneration -%}\n{% endfor %}"
    (folder / "chat_template.jinja").write_text(marked)
    said = said_in(exported(tmp_path / "run", folder))
    plain = "{% for m in messages %}{%- if true %}{{ m.content }}{% endif -%}\n{% endfor %}"
    assert said["tokenizer.chat_template"] == plain


def test_an_output_layer_of_its_own_goes_along_and_a_tied_one_does_not(tmp_path: Path) -> None:
    head = {"lm_head.weight": bf16(np.random.default_rng(3).normal(0, 1, (VOCABULARY, HIDDEN)))}
    weights = tiny_tensors() | head
    own = make_model(tmp_path / "own", tensors=weights, tie_word_embeddings=False)
    tied = make_model(tmp_path / "tied", tensors=weights)
    found = values_in(exported(tmp_path / "run", own))
    np.testing.assert_allclose(found["output.weight"], floats(head["lm_head.weight"]), rtol=2**-10)
    assert "output.weight" not in values_in(exported(tmp_path / "tied-run", tied))


def test_a_large_tensor_is_never_in_memory_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = 32_768, 512
    path = tmp_path / "weights"
    with path.open("wb") as weights:
        weights.truncate(rows * columns * 2)
    source = StoredTensor("embedding", "BF16", (rows, columns), path, 0, rows * columns * 2)
    placed = tensors.Placed(source, "token_embd.weight", gguf.GGMLQuantizationType.Q8_0)
    monkeypatch.setattr(tensors, "BLOCK_VALUES", 256 * 1024)
    stream = tensors.EncodedRows(placed, Progress(Phase.CONVERTING, rows * columns))
    tracemalloc.start()
    with (tmp_path / "encoded").open("wb") as target:
        stream.tofile(target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "encoded").stat().st_size == stream.nbytes == rows * columns * 34 // 32
    assert peak < 16 * 256 * 1024 * 4 < rows * columns * 4


def refused(tmp_path: Path, folder: Path, type: GgufType = GgufType.F16, *, hides_llama: bool = False) -> str:
    cause, detail = export(tmp_path / "run", folder, type, hides_llama=hides_llama).cause
    assert cause == Cause.EXPORT_UNFIT
    assert not (tmp_path / "run" / "result").exists()
    return detail


def test_an_unknown_architecture_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    detail = refused(tmp_path, make_model(tmp_path / "model", architectures=["GraniteForCausalLM"]))
    assert "GraniteForCausalLM" in detail
    assert "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM" in detail


def test_an_unknown_way_to_cut_words_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    split = {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False}
    change_tokenizer(folder, pre_tokenizer={"type": "Sequence", "pretokenizers": [split]})
    assert "cuts text into words in a way that llama.cpp is not known for" in refused(tmp_path, folder)


def test_a_tensor_without_a_place_is_refused(tmp_path: Path) -> None:
    more = {"model.layers.0.self_attn.sinks": bf16(np.ones(HEADS))}
    folder = make_model(tmp_path / "model", tensors=tiny_tensors() | more)
    assert "model.layers.0.self_attn.sinks" in refused(tmp_path, folder)


def test_numbers_that_float16_cannot_hold_are_refused(tmp_path: Path) -> None:
    weights = tiny_tensors()
    large = floats(weights["model.layers.1.mlp.down_proj.weight"]).copy()
    large[3, 4] = 1e6
    weights["model.layers.1.mlp.down_proj.weight"] = bf16(large)
    folder = make_model(tmp_path / "model", tensors=weights)
    assert "Choose BF16 or Q8_0" in refused(tmp_path, folder)


def test_without_llama_cpp_a_k_quant_is_refused_with_how_to_install_it(tmp_path: Path, model: Path) -> None:
    detail = refused(tmp_path, model, GgufType.Q4_K_M, hides_llama=True)
    assert "pip install --constraint constraints.txt --editable '.[gguf]'" in detail
    assert "one of F16, BF16, Q8_0" in detail
