"""A base with Python of its own: a run touches that code only when the order says that an admin allowed it."""

import json
import shutil
from pathlib import Path

import pytest

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.tiny import tiny_base
from tests.workers.runs import TRAINER, make_run, run
from workers.child import ChildFailure
from workers.encoding import load_tokenizer
from workers.spec import SPEC_NAME

CODE = """
import sys
from transformers import LlamaForCausalLM

class OwnForCausalLM(LlamaForCausalLM):
    def __init__(self, config):
        sys.stderr.write("the base's own code runs\\n")
        super().__init__(config)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The tiny base, built by a class of its own."""
    base = Path(shutil.copytree(tiny_base(), tmp_path / "own"))
    config = json.loads((base / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    (base / "config.json").write_text(json.dumps(config))
    (base / "modeling_own.py").write_text(CODE)
    return base


def test_it_is_not_run_unless_it_is_allowed(own: Path, tmp_path: Path) -> None:
    ended = run(TRAINER, make_run(tmp_path / "run", base=own))
    assert ended.cause[0] is Cause.CODE_NOT_ALLOWED
    assert "the base's own code runs" not in ended.stderr


def test_it_is_run_when_it_is_allowed(own: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", base=own, max_steps=2)
    spec = json.loads((folder / SPEC_NAME).read_text()) | {"trust_remote_code": True}
    (folder / SPEC_NAME).write_text(json.dumps(spec))
    ended = run(TRAINER, folder)
    assert ended.done
    assert "the base's own code runs" in ended.stderr


def test_other_code_than_the_registered_one_is_another_base(own: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", base=own)
    (own / "modeling_own.py").write_text(CODE + "# changed\n")
    cause, detail = run(TRAINER, folder).cause
    assert cause is Cause.BASE_CHANGED
    assert "architecture" in detail


TOKENIZER = """
from transformers import PreTrainedTokenizerFast

class OwnTokenizer(PreTrainedTokenizerFast):
    is_own = True
"""


def test_so_is_the_code_of_a_tokenizer(tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_base(), tmp_path / "own"))
    config = json.loads((base / "tokenizer_config.json").read_text())
    config |= {
        "auto_map": {"AutoTokenizer": [None, "tokenization_own.OwnTokenizer"]},
        "tokenizer_class": "OwnTokenizer",
    }
    (base / "tokenizer_config.json").write_text(json.dumps(config))
    (base / "config.json").write_text(json.dumps({"model_type": "own"}))
    (base / "tokenization_own.py").write_text(TOKENIZER)
    with pytest.raises(ChildFailure) as caught:
        load_tokenizer(base, RowForm.CHAT)
    assert caught.value.cause is Cause.CODE_NOT_ALLOWED
    assert load_tokenizer(base, RowForm.CHAT, trust_remote_code=True).is_own
