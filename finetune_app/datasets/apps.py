"""Django app config."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """The app `datasets`."""

    name = "finetune_app.datasets"
    label = "datasets"

    def ready(self) -> None:
        """Let light workers do the work on datasets."""
        from finetune_app.datasets.models import DatasetImport, DatasetTask  # noqa: PLC0415 - only now are there models
        from finetune_app.work.run_task import register  # noqa: PLC0415

        register(DatasetImport, is_awaited=True)
        register(DatasetTask)
