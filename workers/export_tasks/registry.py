"""The program of each kind of export."""

from typing import Any

from finetune_app.merges.models import Export
from finetune_app.merges.states import ExportKind
from workers.export_tasks.folder import FOLDER
from workers.export_tasks.gguf import GGUF
from workers.export_tasks.hub import HUB
from workers.export_tasks.oci import OCI
from workers.export_tasks.quantize import QUANTIZED
from workers.task_program import InWorkerProgram, TaskProgram

PROGRAMS: dict[ExportKind, TaskProgram[Export] | InWorkerProgram[Export]] = {
    ExportKind.GGUF: GGUF,
    ExportKind.QUANTIZED: QUANTIZED,
    ExportKind.HUB: HUB,
    ExportKind.OCI: OCI,
    ExportKind.FOLDER: FOLDER,
}


def export_program(export: Export) -> TaskProgram[Any] | InWorkerProgram[Any]:
    """The program of the export's kind."""
    return PROGRAMS[ExportKind(export.kind)]
