"""Columns for each version's workspace, which one it continues, and what the search looks at."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("adapters", "0005_tar_digest"), ("accounts", "0001_initial")]
    operations = [
        migrations.AddField(
            "adapterversion",
            "workspace",
            models.ForeignKey(
                "accounts.workspace", on_delete=django.db.models.deletion.CASCADE, related_name="+", db_index=False,
                null=True, help_text="Its adapter's, for lists.",
            ),
        ),
        migrations.AddField(
            "adapterversion",
            "searched",
            models.CharField(
                max_length=400, blank=True, db_default="",
                help_text="Its name and the beginning of its notes, in lower case.",
            ),
        ),
        migrations.AddField(
            "adapterversion",
            "continues",
            models.ForeignKey(
                "adapters.adapterversion", on_delete=django.db.models.deletion.SET_NULL, null=True,
                related_name="continued_as",
                help_text="The version whose weights it started with; the lineage says so for good.",
            ),
        ),
    ]
