"""Django app config."""

from django.apps import AppConfig


class MergesConfig(AppConfig):
    """The app `merges`."""

    name = "finetune_app.merges"
    label = "merges"

    def ready(self) -> None:
        """Let workers do its work: what computes on those with the GPUs."""
        from django.db.models import Q  # noqa: PLC0415 - models are there only now

        from finetune_app.merges.models import Export, MergedModel  # noqa: PLC0415
        from finetune_app.merges.states import COMPUTED_EXPORTS  # noqa: PLC0415
        from finetune_app.work.run_task import register  # noqa: PLC0415

        self._tell_adapters()
        register(MergedModel, on_gpu=Q())
        register(Export, on_gpu=Q(kind__in=[str(kind) for kind in COMPUTED_EXPORTS]))

    def _tell_adapters(self) -> None:
        """Tell the registry what depends on its versions and base revisions."""
        from adapters.dependants import register_for_revisions, register_for_versions  # noqa: PLC0415
        from finetune_app.merges.dependants import merged_from, merged_into  # noqa: PLC0415

        register_for_versions(merged_from)
        register_for_revisions(merged_into)
