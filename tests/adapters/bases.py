"""Revisions of a tiny base that differ from the first one in exactly one way."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from adapters.models import BaseRevision
from adapters.services.register_base import register_base
from finetune_app.accounts.models import Workspace
from tests.tiny import CHATML, LAYERS, make_tiny_base, tiny_tensors

NEW_TOKEN = {"content": "<|tool|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
OTHER_TEMPLATE = CHATML.replace("assistant", "helper")


def register_changed(workspace: Workspace, change: Callable[[Path], None], *, name: str = "tiny") -> BaseRevision:
    """The base model `name` with the tiny base as `change` leaves its folder."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_tiny_base(folder)
        change(folder)
        return register_base(workspace, name=name, folder=folder, source="made by the tests")


def other_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(OTHER_TEMPLATE)


def added_token(folder: Path) -> None:
    """A token beyond the others, as the tokenizer of a padded vocabulary gets one."""
    edit_json(folder / "tokenizer.json", _add_token)


def swapped_ids(folder: Path) -> None:
    """Two tokens change places."""
    edit_json(folder / "tokenizer.json", _swap)


def other_special_token(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", lambda config: config.update(eos_token="<|endoftext|>"))


def other_weights(folder: Path) -> None:
    make_tiny_base(folder, seed=1)


def lost_layer(folder: Path) -> None:
    """A layer less, in the weights and in the config."""
    kept = {name: tensor for name, tensor in tiny_tensors().items() if f"layers.{LAYERS - 1}." not in name}
    make_tiny_base(folder, tensors=kept)
    edit_json(folder / "config.json", lambda config: config.update(num_hidden_layers=LAYERS - 1))


def other_rope(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(rope_theta=10000))


def other_metadata(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"temperature": 0.7}')


def edit_json(path: Path, edit: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def _add_token(tokenizer: dict) -> None:
    number = max([*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer["added_tokens"])]) + 1
    tokenizer["added_tokens"].append({"id": number, "special": True, **NEW_TOKEN})


def _swap(tokenizer: dict) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
