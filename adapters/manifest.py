"""What an adapter version is made of and where it came from, frozen as `manifest.json`. Pure.

The manifest is written once, when the version is registered, and kept as the bytes that are downloaded. It needs no
other record to be understood: neither the job nor the dataset has to exist any more.
"""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.states import VersionOrigin

MANIFEST_NAME = "manifest.json"
CHECKSUMS_NAME = "SHA256SUMS"


class _Frozen(BaseModel):
    # A measured value that is not finite becomes null: JSON has no word for it.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ManifestFile(_Frozen):
    """One file of the version; `path` is relative with forward slashes, `size` in bytes."""

    path: str
    size: int
    sha256: str


class BaseIdentity(_Frozen):
    """The exact base that the adapter belongs to; see `fingerprint.py` for the four digests."""

    name: str
    revision: int
    weights_root: str
    arch_digest: str
    tokenizer_digest: str
    chat_template_digest: str


class Ancestor(_Frozen):
    """The adapter version that another one came from; its manifest's SHA-256 says exactly which."""

    adapter: str
    version: int
    manifest_sha256: str

    def __str__(self) -> str:
        return f"{self.adapter}@{self.version}"


class Part(Ancestor):
    """A version that another one was combined of, with its weight."""

    weight: float


class Lineage(_Frozen):
    """How the version came to be.

    `dataset_sources` is where the rows were fetched from, with what pins it (a hub's commit) and `text` for people;
    empty when they were uploaded. `job` is the job's number in its workspace, `config` the whole training config,
    `facts` what the worker chose and measured, `scores` the evaluation on held-out rows (`rows`, `base` and `tuned`
    with their measures, `samples`), `continues` the version whose weights it started with, `retrains` the version of
    an older base revision whose recipe it repeats. What was not trained here has an `origin` that says so, and of the
    rest only what is known: what was made elsewhere `source` with where it came from (what pins it, and `text` for
    people), what was combined `combines` with its parts.
    """

    origin: VersionOrigin = VersionOrigin.TRAINED
    source: dict[str, Any] = Field(default_factory=dict)
    job: int | None = None
    dataset: str = ""
    dataset_version: int | None = None
    dataset_sha256: str = ""
    dataset_sources: list[dict[str, Any]] = Field(default_factory=list)
    config: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    seed: int | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, Any] | None = None
    continues: Ancestor | None = None
    retrains: Ancestor | None = None
    combines: list[Part] = Field(default_factory=list)

    @property
    def method(self) -> str:
        """The method of fine-tuning, "" when nobody knows; trained ones that do not say were supervised fine-tunes."""
        return str(self.config.get("method", "sft" if self.origin == VersionOrigin.TRAINED else ""))

    @property
    def best_step(self) -> int | None:
        """The evaluated step with the lowest held-out loss; None when nothing was evaluated while training."""
        step = self.facts.get("best_step")
        return step if isinstance(step, int) else None


class Manifest(_Frozen):
    """Everything about one adapter version; `files` are sorted by path and do not include the manifest itself."""

    format: Literal[1] = 1
    adapter: str
    version: int
    created_at: datetime
    base: BaseIdentity
    files: list[ManifestFile]
    lineage: Lineage

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same manifest is the same bytes, readable for people as well."""
        content = json.loads(self.model_dump_json())
        return (json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        content: dict[str, Any] = json.loads(self.to_bytes())
        return content

    @property
    def folder(self) -> str:
        """The folder inside the zip, and the zip's own name without its ending."""
        return f"{self.adapter}-v{self.version}"

    def checksums(self, manifest_sha256: str) -> bytes:
        """`SHA256SUMS` for `sha256sum --check`: every file and the manifest itself."""
        lines = [(file.path, file.sha256) for file in self.files] + [(MANIFEST_NAME, manifest_sha256)]
        return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(lines)).encode()
