"""What a base revision changes of another: tensors by layer, config keys, tokens, template."""

import json
import shutil
from pathlib import Path

import pytest

from adapters.base_diff import BaseDiff, TextLine, compare_bases
from adapters.base_texts import texts_in
from adapters.fingerprint import fingerprint
from adapters.tensor_diff import Difference, TensorChange, grouped, number_ranges
from finetune_app.errors import UserError
from tests.tiny import CHATML, tiny_base, tiny_tensors, write_safetensors


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base(), tmp_path / "base"))


def diff(folder: Path) -> BaseDiff:
    """What the folder changes of the tiny base."""
    old = tiny_base()
    return compare_bases(texts_in(old), fingerprint(old).leaf_lines, texts_in(folder), fingerprint(folder).leaf_lines)


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


def edit_tokenizer(folder: Path, change) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    change(tokenizer)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def test_a_copy_differs_in_nothing(base):
    assert not diff(base)


def test_each_kind_of_tensor_change_is_named(base):
    tensors = tiny_tensors()
    dtype, shape, content = tensors["model.norm.weight"]
    tensors["model.norm.weight"] = (dtype, shape, content[:-1] + bytes([content[-1] ^ 1]))
    dtype, shape, content = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = (dtype, (shape[0] - 1, shape[1]), content[: -2 * shape[1]])
    dtype, shape, content = tensors.pop("model.layers.0.mlp.up_proj.weight")
    tensors["model.layers.0.mlp.lift_proj.weight"] = ("F16", shape, content)
    write_safetensors(base / "model.safetensors", tensors)
    assert diff(base).tensors == [
        TensorChange("model.embed_tokens.weight", Difference.SHAPE, "BF16 [512,64]", "BF16 [511,64]"),
        TensorChange("model.layers.0.mlp.lift_proj.weight", Difference.ADDED, "", "F16 [128,64]"),
        TensorChange("model.layers.0.mlp.up_proj.weight", Difference.REMOVED, "BF16 [128,64]", ""),
        TensorChange("model.norm.weight", Difference.CONTENT, "BF16 [64]", "BF16 [64]"),
    ]


def test_layers_that_differ_alike_are_one_group():
    def change(name):
        return TensorChange(name, Difference.CONTENT, "F16 [1]", "F16 [1]")

    changes = [change(f"model.layers.{layer}.mlp.up_proj.weight") for layer in (0, 1, 2, 10, 11)]
    changes += [change("model.layers.5.mlp.down_proj.weight"), change("model.norm.weight")]
    found = [(group.stack, group.layers, [c.name for c in group.changes], group.tensors) for group in grouped(changes)]
    assert found == [
        ("model.layers", "0–2, 10–11", ["mlp.up_proj.weight"], 5),
        ("model.layers", "5", ["mlp.down_proj.weight"], 1),
        ("", "", ["model.norm.weight"], 1),
    ]
    assert number_ranges([3]) == "3"


def test_config_keys_are_told_with_what_matters_first(base):
    edit(base / "config.json", rms_norm_eps=1e-6, rope_theta=5000, use_cache=False, transformers_version=...)
    assert [(c.key, c.old, c.new, c.is_mathematics) for c in diff(base).config] == [
        ("rms_norm_eps", 1e-05, 1e-06, True),
        ("rope.rope_theta", 100000, 5000, True),
        ("transformers_version", "4.42.3", None, False),
        ("use_cache", True, False, False),
    ]


def test_another_spelling_of_the_same_mathematics_is_no_change(base):
    rope = {"rope_theta": 100000.0, "rope_type": "default"}
    edit(base / "config.json", rope_theta=..., rope_scaling=..., rope_parameters=rope, head_dim=16)
    assert diff(base).config == []


def test_the_template_is_compared_line_by_line(base):
    (base / "chat_template.jinja").write_text(CHATML + "\n{{ bos }}")
    marks = [line for line in diff(base).template if line.mark in "+-"]
    assert marks == [TextLine("+", "{{ bos }}")]


def add_token(tokenizer):
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 512, "content": "<|tool|>"})


def test_a_token_more_only_adds(base):
    edit_tokenizer(base, add_token)
    found = diff(base).tokenizer
    assert found.added == (("<|tool|>", 512),)
    assert found
    assert found.only_adds


def test_more_special_tokens_and_padding_only_add(base):
    edit_tokenizer(base, add_token)
    edit(base / "tokenizer_config.json", additional_special_tokens=["<|tool|>"])
    found = diff(base).tokenizer
    assert [change.role for change in found.special] == ["additional_special_tokens"]
    assert found.only_adds


def swap_ids(tokenizer):
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]


def forget_a_merge(tokenizer):
    tokenizer["model"]["merges"].pop(0)


def fold_case(tokenizer):
    tokenizer["normalizer"] = {"type": "Lowercase"}


def forget_a_token(tokenizer):
    del tokenizer["model"]["vocab"]["a"]


def strip_around(tokenizer):
    tokenizer["added_tokens"][0]["rstrip"] = True


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (swap_ids, "moved"),
        (forget_a_token, "removed"),
        (forget_a_merge, "other"),
        (fold_case, "other"),
        (strip_around, "other"),
    ],
)
def test_a_change_of_old_tokens_does_not_only_add(base, change, where):
    edit_tokenizer(base, change)
    found = diff(base).tokenizer
    assert getattr(found, where)
    assert not found.only_adds


def test_another_end_of_text_does_not_only_add(base):
    edit(base / "tokenizer_config.json", eos_token="<|endoftext|>")
    found = diff(base).tokenizer
    assert [(c.role, c.old, c.new) for c in found.special] == [("eos_token", "<|im_end|>", "<|endoftext|>")]
    assert not found.only_adds


def test_tokenizers_of_plain_files_are_compared_too(base, tmp_path):
    old, new = ({"config.json": b"{}", "vocab.json": json.dumps(v).encode()} for v in ({"a": 0}, {"a": 0, "b": 1}))
    found = compare_bases(old, b"", new, b"").tokenizer
    assert found.added == (("b", 1),)
    assert found.only_adds
    assert compare_bases({"tokenizer.model": b"1"}, b"", {"tokenizer.model": b"2"}, b"").tokenizer.other == (
        "tokenizer.model",
    )


def test_leaves_that_are_none_are_refused(base):
    with pytest.raises(UserError, match="damaged"):
        compare_bases({}, b"nonsense\n", {}, b"")
