"""The small files of a merged model: loadable by plain transformers, and the same bytes for the same inputs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GenerationConfig

from tests.adapters.peft_adapters import peft_adapter
from tests.tiny import CHATML, tiny_base
from tests.workers.merger.bases import config_of, spec_for
from workers.merger.config_files import write_side_files
from workers.merger.planned import MergePlan

OTHER_TEMPLATE = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{% endfor %}"
PLAN = MergePlan(tensors=[], adapter_tensors=2, used=2, config={"tie_word_embeddings": False, "vocab_size": 600})
ASKED = [{"role": "user", "content": "Hi"}]


def written(target: Path, base: Path, adapter: Path, **options: Any) -> Path:
    target.mkdir()
    write_side_files(spec_for(base, **options), PLAN, adapter, target)
    return target


def base_with(folder: Path, **files: str) -> Path:
    shutil.copytree(tiny_base(), folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return folder


def test_has_all_that_plain_transformers_needs(tmp_path: Path) -> None:
    merged = written(tmp_path / "merged", tiny_base(), peft_adapter(), dtype="float16")

    assert {path.name for path in merged.iterdir()} == {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "graft_merge.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert AutoTokenizer.from_pretrained(merged).apply_chat_template(ASKED, tokenize=False).startswith("<|im_start|>")
    assert GenerationConfig.from_pretrained(merged).eos_token_id == 2


def test_the_config_is_the_base_s_with_what_changed(tmp_path: Path) -> None:
    base = base_with(tmp_path / "base")
    inner = {"vocab_size": 512, "dtype": "bfloat16", "hidden_size": 4}
    config = config_of(base) | {"_name_or_path": "/home/somebody", "text_config": inner}
    (base / "config.json").write_text(json.dumps(config))

    found = config_of(written(tmp_path / "merged", base, peft_adapter(), dtype="float16"))

    expected = config | {"tie_word_embeddings": False, "vocab_size": 600, "dtype": "float16", "torch_dtype": "float16"}
    expected["text_config"] = inner | {"dtype": "float16"}
    del expected["_name_or_path"]
    assert found == expected
    assert "quantization_config" not in found


@pytest.mark.parametrize("has_tokenizer", [True, False])
@pytest.mark.parametrize("at", ["chat_template.jinja", "tokenizer_config.json", ""])
def test_tokenizer_and_template_are_those_of_the_training(tmp_path: Path, at: str, *, has_tokenizer: bool) -> None:
    adapter = shutil.copytree(peft_adapter(), tmp_path / "adapter")
    own = json.loads((tiny_base() / "tokenizer_config.json").read_text()) | {"model_max_length": 77}
    if has_tokenizer:
        shutil.copy(tiny_base() / "tokenizer.json", adapter)
        (adapter / "tokenizer_config.json").write_text(json.dumps(own))
    if at.endswith(".jinja"):
        (adapter / at).write_text(OTHER_TEMPLATE)
    elif at:
        (adapter / at).write_text(json.dumps(own | {"chat_template": OTHER_TEMPLATE}))

    tokenizer = AutoTokenizer.from_pretrained(written(tmp_path / "merged", tiny_base(), adapter))

    assert tokenizer.chat_template == (OTHER_TEMPLATE if at else CHATML)
    assert tokenizer.model_max_length == (77 if has_tokenizer else 2048)


def test_further_templates_and_other_files_of_the_base_go_along(tmp_path: Path) -> None:
    files = {"additional_chat_templates/tools.jinja": OTHER_TEMPLATE, "LICENSE.txt": "free", "README.md": "of the base"}
    merged = written(tmp_path / "merged", base_with(tmp_path / "base", **files), peft_adapter())

    assert (merged / "additional_chat_templates" / "tools.jinja").read_text() == OTHER_TEMPLATE
    assert (merged / "LICENSE.txt").read_text() == "free"
    assert "of the base" not in (merged / "README.md").read_text()


@pytest.mark.parametrize("allowed", [True, False])
def test_code_of_the_base_goes_along_where_it_may_run(tmp_path: Path, *, allowed: bool) -> None:
    base = base_with(tmp_path / "base", **{"modeling_tiny.py": "x = 1\n"})
    config = config_of(base) | {"auto_map": {"AutoModelForCausalLM": "modeling_tiny.Tiny"}}
    (base / "config.json").write_text(json.dumps(config))

    merged = written(tmp_path / "merged", base, peft_adapter(), trust_remote_code=allowed)

    assert (merged / "modeling_tiny.py").exists() is allowed


def test_says_what_it_is_made_of(tmp_path: Path) -> None:
    merged = written(tmp_path / "merged", tiny_base(), peft_adapter(), dtype="bfloat16", is_quantized=True)

    found = json.loads((merged / "graft_merge.json").read_text())
    assert found["base"]["name"] == "tiny@1"
    assert found["base"]["weights_root"] == "w"
    assert found["adapter"] == {"name": "support@1", "manifest_sha256": "f" * 64}
    assert found["options"] == {"dtype": "bfloat16", "onto": "original"}
    assert found["trained_on"]["quant_type"] == "nf4"
    assert found["libraries"].keys() >= {"torch", "transformers", "peft", "bitsandbytes"}
    card = (merged / "README.md").read_text()
    assert "support@1 merged into tiny@1" in card
    assert "f" * 64 in card


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    one = written(tmp_path / "one", tiny_base(), peft_adapter())
    other = written(tmp_path / "other", shutil.copytree(tiny_base(), tmp_path / "base"), peft_adapter(), prompts=100)
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name
