"""The order that the GGUF exporter gets: `spec.json` in its run folder. Pure.

The run folder holds `spec.json` and the merged model's files in a folder of their own. The exporter leaves one file in
`result/`, which appears there only when it is whole and was read back.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from finetune_app.merges.export_options import GgufType
from workers.spec import SPEC_NAME


class GgufSpec(BaseModel):
    """One export. Paths may be relative to the run folder.

    Attributes:
        folder: the merged model's files.
        result_folder: where the GGUF file goes.
        type: of its weights.
        name: what the model calls itself, `support-json-v3`; the file's name is made of it.
        base: the base revision in words, `smollm2@1`.
        base_address: where the base comes from; empty when it has no address.
        license: of the model, as an SPDX name; empty when nobody said.
        provenance: further facts of how it came to be, by short names; they go into the file's metadata.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    result_folder: Path
    type: GgufType
    name: str
    base: str
    base_address: str = ""
    license: str = ""
    provenance: dict[str, str] = {}

    @property
    def file_name(self) -> str:
        """The GGUF file's, `support-json-v3-Q8_0.gguf`."""
        return f"{self.name}-{self.type}.gguf"

    @classmethod
    def load(cls, run_folder: Path) -> "GgufSpec":
        """Read `spec.json`; relative paths become absolute under `run_folder`."""
        spec = cls.model_validate_json((run_folder / SPEC_NAME).read_text())
        places = {"folder": run_folder / spec.folder, "result_folder": run_folder / spec.result_folder}
        return spec.model_copy(update=places)
