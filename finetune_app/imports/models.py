"""What every table of imports has."""

from django.db import models

from finetune_app.work.models import WorkerTask


class Import(WorkerTask):
    """Files on their way to become a version or revision.

    `source` is the order as the app's own `*_source.py` says it, and what is here of it: "files": [{"id", "file_name",
    "size"}].
    """

    source = models.JSONField()
    has_files = models.BooleanField(default=False, help_text="Whether the files of `source` lie in the storage.")

    class Meta:
        abstract = True
