"""Fills these columns; apart, since PostgreSQL makes no index on rows that the same transaction wrote."""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Concat, Left, Lower


def fill_continues(apps, schema_editor):
    versions = apps.get_model("adapters", "AdapterVersion").objects
    continued = versions.filter(manifest__lineage__continues__adapter__isnull=False)
    for version in list(continued.order_by("pk").values("pk", "workspace", "manifest__lineage__continues")):
        ancestor = version["manifest__lineage__continues"]
        same = versions.filter(workspace=version["workspace"], manifest_sha256=ancestor["manifest_sha256"])
        found = same.filter(adapter__name=ancestor["adapter"], number=ancestor["version"]).first()
        versions.filter(pk=version["pk"]).update(continues=found)


def fill(apps, schema_editor):
    versions = apps.get_model("adapters", "AdapterVersion").objects
    adapter = apps.get_model("adapters", "Adapter").objects.filter(pk=OuterRef("adapter"))
    versions.update(
        workspace=Subquery(adapter.values("workspace")),
        searched=Lower(Concat(Subquery(adapter.values("name")), Value("\n"), Left(F("notes"), 290))),
    )


class Migration(migrations.Migration):
    dependencies = [("adapters", "0006_version_filters")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(fill_continues, migrations.RunPython.noop),
    ]
