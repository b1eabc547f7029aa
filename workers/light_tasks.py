"""All that workers do besides training: which program carries out which work."""

from typing import Any

from adapters.models import AdapterImport, BaseImport, RegistryTask
from adapters.states import RegistryTaskKind
from finetune_app.datasets.models import DatasetImport, DatasetTask
from finetune_app.merges.models import Export, MergedModel
from finetune_app.work.run_task import Work
from workers.dataset_tasks.import_files import IMPORT
from workers.dataset_tasks.registry import dataset_program
from workers.export_tasks.registry import export_program
from workers.merge_tasks.merge import MERGE
from workers.registry_tasks.import_adapter import IMPORT_ADAPTER
from workers.registry_tasks.import_base import IMPORT_BASE
from workers.registry_tasks.registry import registry_program
from workers.registry_tasks.tidy import TIDY
from workers.task_program import InWorkerProgram, TaskProgram


def program_of(work: Work) -> TaskProgram[Any] | InWorkerProgram[Any]:
    """The program that does it.

    Raises:
        TypeError: nobody knows how to do it.
    """
    match work:
        case AdapterImport():
            return IMPORT_ADAPTER
        case BaseImport():
            return IMPORT_BASE
        case DatasetImport():
            return IMPORT
        case DatasetTask():
            return dataset_program(work)
        case Export():
            return export_program(work)
        case MergedModel():
            return MERGE
        case RegistryTask(kind=RegistryTaskKind.TIDY):
            return TIDY
        case RegistryTask():
            return registry_program(work)
        case _:
            raise TypeError(f"no program does {type(work).__name__}")
