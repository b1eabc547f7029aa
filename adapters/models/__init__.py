"""The registry's tables."""

from adapters.models.aliases import Alias, AliasMove
from adapters.models.bases import BaseModel, BaseRevision
from adapters.models.rules import LinkKey, RetentionRule
from adapters.models.versions import Adapter, AdapterVersion, VersionTag
from adapters.models.work import AdapterImport, BaseImport, RegistryTask

__all__ = [
    "Adapter",
    "AdapterImport",
    "AdapterVersion",
    "Alias",
    "AliasMove",
    "BaseImport",
    "BaseModel",
    "BaseRevision",
    "LinkKey",
    "RegistryTask",
    "RetentionRule",
    "VersionTag",
]
