"""What a finished job points at: a real adapter version, with weights of a few bytes."""

import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from adapters.manifest import Lineage
from adapters.models import AdapterVersion, BaseRevision
from adapters.services.register_version import register_version


def make_adapter_version(
    base: BaseRevision, name: str = "adder", source_key: str = "made by the tests"
) -> AdapterVersion:
    """The next version of the adapter `name` on `base`; the same `source_key` gives the same version."""
    lineage = Lineage(
        job=1,
        dataset="sums",
        dataset_version=1,
        dataset_sha256="0" * 64,
        config={"r": 8, "lora_alpha": 16},
        libraries={"peft": "0.21.2"},
        seed=42,
    )
    with tempfile.TemporaryDirectory() as folder:
        save_file({"lora_A": np.zeros((8, 4), np.float32)}, Path(folder) / "adapter_model.safetensors")
        (Path(folder) / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8}))
        return register_version(
            workspace=base.base_model.workspace,
            adapter_name=name,
            base_revision=base,
            folder=Path(folder),
            lineage=lineage,
            source_key=source_key,
            created_by=None,
        )
