"""Django app config."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The app `jobs`."""

    name = "finetune_app.jobs"
    label = "jobs"

    def ready(self) -> None:
        """Tell the datasets what depends on their versions."""
        from finetune_app.datasets.dependants import register  # noqa: PLC0415 - models are there only now
        from finetune_app.jobs.dataset_dependants import adapters_from, jobs_on  # noqa: PLC0415

        register(jobs_on)
        register(adapters_from)
