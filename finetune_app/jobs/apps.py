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
        self._tell_adapters()

    def _tell_adapters(self) -> None:
        """Tell the registry what depends on its versions and base revisions."""
        from adapters.dependants import register_for_revisions, register_for_versions  # noqa: PLC0415
        from finetune_app.jobs import adapter_dependants  # noqa: PLC0415

        register_for_versions(adapter_dependants.continuing_from)
        register_for_versions(adapter_dependants.retraining)
        register_for_revisions(adapter_dependants.jobs_on)
