"""Django app config."""

from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    """The app `adapters`."""

    name = "adapters"
    label = "adapters"

    def ready(self) -> None:
        """Let light workers do the registry's work."""
        from django.db.models import Q  # noqa: PLC0415 - only now are there models

        from adapters.models import AdapterImport, BaseImport, RegistryTask  # noqa: PLC0415
        from adapters.states import RegistryTaskKind  # noqa: PLC0415
        from finetune_app.work.run_task import register  # noqa: PLC0415

        register(BaseImport, is_awaited=True)
        register(AdapterImport, is_awaited=True)
        # A decomposition of every layer takes minutes on a processor.
        register(RegistryTask, on_gpu=Q(kind=str(RegistryTaskKind.COMBINE)))
        self._tell_dependants()

    def _tell_dependants(self) -> None:
        from adapters import dependants  # noqa: PLC0415

        dependants.register_for_versions(dependants.aliases_of)
        dependants.register_for_versions(dependants.retrained_from)
        dependants.register_for_versions(dependants.continued_from, is_slow=True)
        dependants.register_for_versions(dependants.combined_from)
        for revision_finder in (dependants.versions_on, dependants.imports_onto):
            dependants.register_for_revisions(revision_finder)
