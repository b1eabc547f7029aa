"""One index with all that lists of versions are filtered by; apart, since PostgreSQL alters no rows just written."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("adapters", "0007_version_filters_fill")]
    operations = [
        migrations.AlterField(
            "adapterversion",
            "workspace",
            models.ForeignKey(
                "accounts.workspace", on_delete=django.db.models.deletion.CASCADE, related_name="+", db_index=False,
                help_text="Its adapter's, for lists.",
            ),
        ),
        migrations.AddIndex(
            "adapterversion",
            models.Index(
                fields=[
                    "workspace", "id", "status", "base_revision", "dataset", "dataset_version", "method", "score_name",
                    "score", "origin", "created_by", "created_at", "adapter", "searched",
                ],
                name="adapter_version_filters",
            ),
        ),
    ]
