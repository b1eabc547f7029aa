"""The migration that fills the columns for lists of what was registered before there were any."""

from importlib import import_module

from django.apps import apps

from adapters.manifest import Ancestor
from adapters.models import Adapter, AdapterVersion
from adapters.services.describe_version import set_notes
from tests.adapters.makers import make_version

COLUMNS = ("method", "dataset", "dataset_version", "score_name", "score")


def test_it_writes_what_registering_writes(cast, tiny_base, tmp_path, monkeypatch):
    migration = import_module("adapters.migrations.0003_fill_columns")
    monkeypatch.setattr(migration, "BATCH", 2)
    for index, scores in enumerate((None, {"rows": 3, "base": {}, "tuned": {"loss": 0.5}}, {"tuned": {}})):
        make_version(tiny_base, tmp_path / "a", key=f"job-{index}", user=cast.editor, scores=scores)
    make_version(tiny_base, tmp_path / "a", key="job-b", name="other", config={"method": "dpo"})
    empty = Adapter.objects.create(workspace=cast.team, name="empty")

    def rows() -> list[tuple[object, ...]]:
        versions = AdapterVersion.objects.order_by("id").values_list("adapter__name", "number", *COLUMNS)
        adapters = Adapter.objects.order_by("id").values_list("name", "newest", "last_number", "created_by")
        return [*versions, *adapters]

    written = rows()
    assert ("adder", 2, "sft", "sums", 2, "loss", 0.5) in written
    AdapterVersion.objects.update(method="", dataset="", dataset_version=None, score_name="", score=None)
    Adapter.objects.update(newest=None, last_number=0, created_by=None)
    migration.fill_versions(apps, None)
    migration.fill_adapters(apps, None)
    assert rows() == written
    assert (empty.pk, None, 0) in Adapter.objects.values_list("pk", "newest", "last_number")


def test_the_next_one_writes_workspace_search_and_ancestor(cast, tiny_base, tmp_path):
    migration = import_module("adapters.migrations.0007_version_filters_fill")
    first = make_version(tiny_base, tmp_path / "a")
    ancestor = Ancestor(adapter="adder", version=1, manifest_sha256=first.manifest_sha256)
    second = make_version(tiny_base, tmp_path / "a", key="job-2", name="more", continues=ancestor)
    set_notes(cast.access(cast.editor), second, "x" * 1000)
    columns = ("workspace", "searched", "continues")
    written = list(AdapterVersion.objects.order_by("id").values_list(*columns))
    assert written[1] == (cast.team.pk, "more\n" + "x" * 290, first.pk)
    AdapterVersion.objects.update(workspace=cast.elsewhere, searched="", continues=None)
    migration.fill(apps, None)
    migration.fill_continues(apps, None)
    assert list(AdapterVersion.objects.order_by("id").values_list(*columns)) == written
