"""Adapters that the tests start from, and a client that reads streamed answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from asgiref.sync import async_to_sync
from django.http import HttpResponseBase
from django.test import AsyncClient
from safetensors.numpy import save_file

from adapters.manifest import Lineage
from adapters.models import AdapterVersion, BaseRevision
from adapters.services.register_version import register_version
from finetune_app.accounts.models import User
from tests.cast import Cast

SCORES = {
    "rows": 30,
    "base": {"exact_match": 0.0, "token_accuracy": 0.41, "loss": 3.2},
    "tuned": {"exact_match": 0.9666, "token_accuracy": 0.99, "loss": 0.081},
    "samples": [{"prompt": "Where is my parcel?", "expected": "{}", "base": "I don't know", "tuned": "{}"}],
}


def write_adapter(folder: Path, *, seed: int = 0, rank: int = 2) -> Path:
    """An adapter of a few kilobytes as peft saves it, with a tokenizer, and files that do not belong to it."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    save_file(
        {
            f"{name}.lora_A.weight": random.normal(size=(rank, 8)).astype(np.float32),
            f"{name}.lora_B.weight": random.normal(size=(8, rank)).astype(np.float32),
        },
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 4, "base_model_name_or_path": "tiny"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text('{"model": {}}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / ".hidden.json").write_text("{}")
    return folder


def make_lineage(**changes: Any) -> Lineage:
    """A lineage with scores; `changes` replace parts of it."""
    parts: dict[str, Any] = {
        "job": 7,
        "dataset": "sums",
        "dataset_version": 2,
        "dataset_sha256": hashlib.sha256(b"rows").hexdigest(),
        "config": {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "learning_rate": 2e-4},
        "libraries": {"torch": "2.13.0", "peft": "0.21.2"},
        "seed": 42,
        "facts": {"device": "cpu", "peak_memory": {"ram": 123}},
        "scores": SCORES,
    }
    return Lineage(**parts | changes)


def make_version(
    base: BaseRevision,
    folder: Path,
    *,
    name: str = "adder",
    key: str = "job-1",
    user: User | None = None,
    **lineage: Any,
) -> AdapterVersion:
    """The next version of `name`, made of an adapter written into `folder`."""
    return register_version(
        workspace=base.base_model.workspace,
        adapter_name=name,
        base_revision=base,
        folder=folder if folder.exists() else write_adapter(folder),
        lineage=make_lineage(**lineage),
        source_key=key,
        created_by=user,
    )


@dataclass(frozen=True)
class Answer:
    """A response with its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Downloader:
    """A person's browser and REST client, over ASGI, where streamed answers are asynchronous."""

    def __init__(self, cast: Cast, user: User) -> None:
        self._client = AsyncClient()
        self._client.force_login(user)
        self._token = cast.token(user)

    def get(self, url: str, **headers: str) -> Answer:
        """GET with headers like `if_range=…`."""
        return self._ask("GET", url, headers)

    def head(self, url: str, **headers: str) -> Answer:
        """HEAD with headers like `if_range=…`."""
        return self._ask("HEAD", url, headers)

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if url.startswith("/api/"):
            named["authorization"] = f"Bearer {self._token}"

        async def ask() -> Answer:
            response = await self._client.generic(method, url, headers=named)
            return Answer(response.status_code, response.headers, await read_body(response))

        return async_to_sync(ask)()


async def read_body(response: HttpResponseBase) -> bytes:
    """All bytes of a response, streamed or not."""
    if not response.streaming:
        return response.content  # type: ignore[attr-defined]
    return b"".join([chunk async for chunk in response.streaming_content])  # type: ignore[attr-defined]
