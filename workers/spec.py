"""The order that a child program gets: `spec.json` in its run folder. Pure, shared by the supervisor and the children.

A run folder holds `spec.json`, `base/` (the base model's files), `rows.jsonl` or `rows.json` (the dataset version's
bytes as uploaded) and, when the trainer is done, `adapter/` (what becomes the adapter version).
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.jobs.methods import AnyConfig

SPEC_NAME = "spec.json"
ADAPTER_FOLDER = "adapter"


class BaseDigests(BaseModel):
    """The four digests of a base revision, see `adapters/fingerprint.py`."""

    model_config = ConfigDict(frozen=True)

    weights_root: str
    arch_digest: str
    tokenizer_digest: str
    chat_template_digest: str


class RunSpec(BaseModel):
    """One training run: where its inputs lie and what to do with them. Paths may be relative to the run folder.

    Attributes:
        resume_folder: a checkpoint of this or an earlier attempt to go on from.
        continue_folder: the files of an adapter version whose weights the run starts with.
        processes: on how many GPUs of this machine it runs; 1 without a launcher.
        trust_remote_code: whether an admin allowed the base's own Python to run.
        memory_factor: what the measured peaks of earlier runs like this were of the predicted ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    adapter_name: str
    base_name: str
    base_folder: Path
    base_digests: BaseDigests
    rows_file: Path
    file_format: FileFormat
    row_form: RowForm
    bad_rows: list[int] = []
    config: AnyConfig
    resume_folder: Path | None = None
    continue_folder: Path | None = None
    processes: int = 1
    trust_remote_code: bool = False
    memory_factor: float = 1.0

    @classmethod
    def load(cls, run_folder: Path) -> "RunSpec":
        """Read `spec.json`; relative paths become absolute under `run_folder`."""
        spec = cls.model_validate_json((run_folder / SPEC_NAME).read_text())
        paths = {name: getattr(spec, name) for name in ("base_folder", "rows_file", "resume_folder", "continue_folder")}
        return spec.model_copy(update={name: run_folder / path for name, path in paths.items() if path is not None})
