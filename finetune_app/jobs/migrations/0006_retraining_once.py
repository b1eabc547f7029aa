from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("adapters", "0002_registry"), ("jobs", "0005_retraining")]
    operations = [
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("retrains__isnull", False), models.Q(("state__in", ["cancelled", "failed"]), _negated=True)
                ),
                fields=("base_revision", "adapter_name", "recipe_digest"),
                name="retraining_once",
            ),
        ),
    ]
