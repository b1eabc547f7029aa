"""The way of a dataset with its files in a bucket: nothing that looks at rows needs a disk in common."""

import io

import pyarrow.parquet as pq
import pytest

from finetune_app.datasets.derivation import Derivation
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.derive_version import derive_version, derived_version
from finetune_app.datasets.services.import_uploads import import_uploads
from finetune_app.datasets.services.request_task import request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.adapters.makers import Downloader
from tests.datasets.imports import send, work_off
from tests.datasets.makers import chat, jsonl
from tests.datasets.tasks import run_task, run_task_at
from tests.pages import words
from tests.storage.fixtures import BUCKET, s3_endpoint

__all__ = ["s3_endpoint"]
pytestmark = pytest.mark.django_db(transaction=True)
PAGE, REST = "/w/team/datasets/support/v/1", "/api/v1/datasets/support/versions/1"
ROWS = [chat(f"Where is parcel {number}?", f"In depot {number}.") for number in range(40)]


@pytest.fixture
def version(cast, settings, tmp_path, s3_endpoint) -> DatasetVersion:
    """Rows that came in pieces, one of them twice."""
    settings.STORAGE_URL = f"s3://KEY:SECRET@{BUCKET}/{tmp_path.name}?endpoint={s3_endpoint}"
    access = cast.access(cast.editor)
    import_uploads(access, name="support", uploads=[send(access, jsonl(*ROWS, ROWS[7])).pk])
    version = work_off().version
    assert version is not None
    return version


def test_rows_are_looked_at_and_searched(cast, version):
    task = run_task(request_task(version, TaskKind.INDEX))
    assert task.state == TaskState.SUCCEEDED, task.error
    page = words(cast.client(cast.viewer).get(f"{PAGE}/rows", {"search": '"depot 7"'}).content.decode())
    assert "Where is parcel 7?" in page
    assert "Where is parcel 8?" not in page
    found = cast.api(cast.viewer).get(f"{REST}/rows", {"search": "depot", "offset": 30, "limit": 5}).json()
    assert (found["count"], [item["row"] for item in found["items"]]) == (41, [31, 32, 33, 34, 35])


def test_findings_are_found_and_their_rows_dropped(cast, version):
    task = run_task(request_task(version, TaskKind.FINDINGS))
    assert task.state == TaskState.SUCCEEDED, task.error
    assert "Row 41 The same as row 8." in words(cast.client(cast.viewer).get(f"{PAGE}/findings").content.decode())
    steps = Derivation.model_validate({"drop_rows": {"rows": [41]}, "split": {"share": 0.1}})
    made = derived_version(run_task(derive_version(cast.access(cast.editor), version, steps)))
    assert (made.number, made.rows, made.held_out_rows > 0) == (2, 40, True)
    assert blobs.exists(made.sha256)


def test_parquet_is_made_and_downloaded(cast, version):
    viewer = Downloader(cast, cast.viewer)
    asked = viewer.get(f"{REST}/download?format=parquet")
    assert asked.status == 202
    run_task_at(cast.api(cast.viewer), f"{REST}/tasks/{version.tasks.get(kind='export').pk}")
    table = pq.read_table(io.BytesIO(viewer.get(f"{REST}/download?format=parquet").body))
    assert table.num_rows == 41
