"""The order that the merger and the prover get: `spec.json` in their run folder. Pure.

The run folder holds `spec.json`, `adapter/` (the version's files) and the rows' file; where the base lies, it says.
The merger leaves `merged/`, which appears under that name only when it is whole, and `merge.json` beside it; for the
other way of a QLoRA adapter, where asked for, `other/` as well. The prover leaves `report.json`.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.merges.options import MergeOptions
from workers.spec import SPEC_NAME, BaseDigests

ADAPTER_FOLDER = "adapter"
MERGED_FOLDER = "merged"
OTHER_FOLDER = "other"
FACTS_NAME = "merge.json"


class Rows(BaseModel):
    """The rows that prove it; `config` is the training config that says which of them were held out, when known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    file_format: FileFormat
    row_form: RowForm
    bad_rows: list[int] = []
    config: dict[str, Any] = {}


class MergeSpec(BaseModel):
    """One merge: where its inputs lie and what to do with them. Paths may be relative to the run folder.

    Attributes:
        base: the revision in words, `smollm2@1`.
        adapter: the version in words, `support-json@3`.
        manifest_sha256: of the version's manifest.
        is_quantized: whether the adapter was trained on a base in nf4.
        double_quant: whether its absmax values were quantized too.
        quant_type: of bitsandbytes; `nf4`.
        rows: None: only general prompts prove it.
        trust_remote_code: whether an admin allowed the base's own Python to run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    base_folder: Path
    base_digests: BaseDigests
    adapter: str
    manifest_sha256: str
    is_quantized: bool = False
    quant_type: str = "nf4"
    double_quant: bool = True
    compute_dtype: str = "bfloat16"
    options: MergeOptions
    rows: Rows | None = None
    trust_remote_code: bool = False

    @classmethod
    def load(cls, run_folder: Path) -> Self:
        """Read `spec.json`; relative paths become absolute under `run_folder`."""
        spec = cls.model_validate_json((run_folder / SPEC_NAME).read_text())
        rows = spec.rows and spec.rows.model_copy(update={"file": run_folder / spec.rows.file})
        return spec.model_copy(update={"base_folder": run_folder / spec.base_folder, "rows": rows})


class TensorFacts(BaseModel):
    """What the merger did to one tensor of the merged model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    change: Literal["copied", "cast", "added", "replaced", "new"]
    round_tripped: bool = False


class MergeFacts(BaseModel):
    """What the merger says of its work, in `merge.json`: `used` are the adapter's tensors that found their place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tensors: list[TensorFacts]
    adapter_tensors: int
    used: int
    device: str
    seconds: float
    peak_ram_bytes: int
    peak_gpu_bytes: int = 0
