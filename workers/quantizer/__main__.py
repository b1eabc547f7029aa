"""Child: quantizes a merged model and measures what that cost. `python -m workers.quantizer RUN_FOLDER`."""

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loguru import logger
from tqdm import tqdm
from transformers.utils import logging as transformers_logging

from adapters.weight_files import weight_files
from workers.child import run_on_folder
from workers.export_tasks.folders import RESULT_FOLDER
from workers.quantizer.compare import compare
from workers.quantizer.layers import layers_of
from workers.quantizer.scheme import LIBRARY, scheme_for
from workers.quantizer.spec import QuantizeSpec
from workers.quantizer.write import write_quantized

LIBRARIES = ("torch", "transformers", LIBRARY)


def make(folder: Path) -> dict[str, Any]:
    """Leave the quantized model in the run folder; what is told of it stands on the export's page."""
    _hush()
    began = time.monotonic()
    spec = QuantizeSpec.load(folder)
    merged, result = spec.base_folder, folder / RESULT_FOLDER
    layers = layers_of(merged, trust_remote_code=spec.trust_remote_code)
    scheme = scheme_for(spec.scheme, layers.quantized.values())
    write_quantized(merged, result, layers, scheme)
    compared = compare(spec, result, folder)
    return {
        "format": LIBRARY,
        "scheme": spec.scheme.value,
        "group_size": scheme.weights.group_size,
        "layers": len(layers.quantized),
        "left": layers.left,
        "weight_bytes": {"merged": _bytes_of(merged), "quantized": _bytes_of(result)},
        "compared": compared,
        "seconds": round(time.monotonic() - began, 1),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _hush() -> None:
    """Bars are not for the worker's log; what goes wrong the libraries raise."""
    logger.disable("compressed_tensors")
    transformers_logging.disable_progress_bar()
    show = tqdm.__init__

    def hide(self: Any, *arguments: Any, **named: Any) -> None:
        show(self, *arguments, **named | {"disable": True})

    tqdm.__init__ = hide


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in weight_files(folder))


if __name__ == "__main__":
    run_on_folder(make)
