"""A GGUF becomes an ordinary base folder, whole or not at all; a tiny GGUF of the same architecture is enough."""

import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from adapters.fingerprint import fingerprint
from tests.tiny import CHATML, CONFIG, SPECIAL_TOKENS, tiny_base, tiny_tensors
from tests.workers.runs import convert

ROOT = Path(__file__).parents[2]
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.layers.": "blk.",
}


@pytest.fixture(scope="module")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base as a GGUF file."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tokenizer = json.loads((tiny_base() / "tokenizer.json").read_text())["model"]
    tokens = sorted(tokenizer["vocab"], key=tokenizer["vocab"].__getitem__)
    tokens += [f"<|unused_{n}|>" for n in range(CONFIG["vocab_size"] - len(tokens))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONFIG["max_position_embeddings"])
    writer.add_embedding_length(CONFIG["hidden_size"])
    writer.add_block_count(CONFIG["num_hidden_layers"])
    writer.add_feed_forward_length(CONFIG["intermediate_size"])
    writer.add_head_count(CONFIG["num_attention_heads"])
    writer.add_head_count_kv(CONFIG["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(CONFIG["rms_norm_eps"])
    writer.add_rope_freq_base(CONFIG["rope_theta"])
    writer.add_vocab_size(CONFIG["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL_TOKENS else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHATML)
    for name, (_, shape, content) in tiny_tensors().items():
        values = (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)  # noqa: PLW2901
        writer.add_tensor(name, _interleaved(name, values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _interleaved(name: str, values: np.ndarray) -> np.ndarray:
    """A GGUF keeps the two rotary halves of each head of q and k side by side."""
    heads = {"attn_q.weight": CONFIG["num_attention_heads"], "attn_k.weight": CONFIG["num_key_value_heads"]}
    count = next((heads[end] for end in heads if name.endswith(end)), None)
    if count is None:
        return values
    rows, columns = values.shape
    return values.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns).copy()


def test_a_gguf_becomes_the_base_that_it_was_made_from(tiny_gguf: Path, tmp_path: Path) -> None:
    out = tmp_path / "base"
    (tmp_path / "base.partial").mkdir()  # an interrupted try
    program = subprocess.run(
        [sys.executable, "-m", "workers.demo.convert", str(tiny_gguf), str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in program.stdout.splitlines()]
    assert (program.returncode, events[-1]["type"]) == (0, "done"), program.stdout + program.stderr
    assert [event["done"] for event in events if event["type"] == "phase"] == [0, 1, 2, 3, 4, 5]
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
    made, source = fingerprint(out), fingerprint(tiny_base())
    assert made.weights_root == source.weights_root
    assert made.arch_digest == source.arch_digest
    assert made.chat_template_digest == source.chat_template_digest
    assert {"config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"} <= {
        path.name for path in out.iterdir()
    }


def test_a_file_that_is_no_gguf_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    assert convert(tmp_path, tmp_path / "broken.gguf", tmp_path / "base").cause
    assert not (tmp_path / "base").exists()
