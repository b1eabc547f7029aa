"""Fills the columns for lists of the versions and adapters that were there before these columns."""

from math import isfinite

from django.db import migrations
from django.db.models import Max, Min

BATCH = 500
MEASURES = ("exact_match", "pair_accuracy", "token_accuracy", "loss")  # the most telling first


def fill_versions(apps, schema_editor):
    versions = apps.get_model("adapters", "AdapterVersion").objects
    fields = ["method", "dataset", "dataset_version", "score_name", "score"]
    last = 0
    while batch := list(versions.filter(pk__gt=last).order_by("pk").only("manifest", *fields)[:BATCH]):
        for version in batch:
            lineage = version.manifest["lineage"]
            version.method = lineage["config"].get("method", "sft")
            version.dataset = lineage["dataset"]
            version.dataset_version = lineage["dataset_version"]
            version.score_name, version.score = most_telling((lineage.get("scores") or {}).get("tuned") or {})
        versions.bulk_update(batch, fields)
        last = batch[-1].pk


def most_telling(tuned):
    for name in MEASURES:
        value = tuned.get(name)
        if value is not None and isfinite(value):
            return name, float(value)
    return "", None


def fill_adapters(apps, schema_editor):
    adapters = apps.get_model("adapters", "Adapter").objects
    versions = apps.get_model("adapters", "AdapterVersion").objects
    last = 0
    while batch := list(adapters.filter(pk__gt=last).order_by("pk")[:BATCH]):
        made = versions.filter(adapter__in=batch).values("adapter").order_by("adapter")
        found = {one["adapter"]: one for one in made.annotate(newest=Max("pk"), first=Min("pk"), number=Max("number"))}
        firsts = [one["first"] for one in found.values()]
        makers = dict(versions.filter(pk__in=firsts).values_list("adapter", "created_by"))
        for adapter in batch:
            one = found.get(adapter.pk, {"newest": None, "number": 0})
            adapter.newest_id = one["newest"]
            adapter.last_number = max(adapter.last_number, one["number"])
            adapter.created_by_id = adapter.created_by_id or makers.get(adapter.pk)
        adapters.bulk_update(batch, ["newest", "last_number", "created_by"])
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [("adapters", "0002_registry")]
    operations = [
        migrations.RunPython(fill_versions, migrations.RunPython.noop),
        migrations.RunPython(fill_adapters, migrations.RunPython.noop),
    ]
