"""What nothing names goes once its grace is over; what anything names stays. On a folder and on S3."""

import os
import time
import uuid

import pytest
from django.core.management import CommandError, call_command
from obstore.store import LocalStore

from adapters.archive import ArchiveLayout
from adapters.models import BaseImport
from finetune_app.datasets.models import DatasetImport
from finetune_app.errors import UserError
from finetune_app.housekeeping.services.collect_garbage import collect_garbage
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.end_attempt import fail
from finetune_app.storage import blobs, incoming
from finetune_app.storage.renewal import NOTES, renewal_key
from finetune_app.uploads.models import Upload
from tests.adapters.makers import make_version
from tests.datasets.tasks import put, run_task
from tests.housekeeping.makers import name_something
from tests.jobs.makers import make_checkpoint, make_job
from tests.tiny_base import register_tiny_base

pytestmark = pytest.mark.usefixtures("storage")


@pytest.fixture(autouse=True)
def grace(settings):
    """Everything is old at once; -1 for the whole seconds that S3 tells."""
    settings.GARBAGE_GRACE_SECONDS = -5.0


@pytest.fixture
def long_grace(settings):
    settings.GARBAGE_GRACE_SECONDS = 3600.0


@pytest.fixture
def named(cast, storage):
    return name_something()


def stored(storage):
    return {found["path"].rpartition("/")[2] for batch in storage.list("blobs/") for found in batch}


def test_what_nothing_names_goes_and_is_counted(named, storage):
    lost = [blobs.put_bytes(content).sha256 for content in (b"one", b"three")]
    looked = collect_garbage(carry_out=False)
    assert (looked.collectable.count, looked.collectable.bytes, looked.removed.count) == (2, 8, 0)
    assert stored(storage) == {*lost, named}
    assert collect_garbage(carry_out=True).removed.bytes == 8
    assert stored(storage) == {named}


def test_a_storage_of_which_the_database_names_nothing_is_left_alone(cast):
    """As when `DATABASE_URL` was lost and a new, empty database made."""
    blob = blobs.put_bytes(b"of the lost database")
    assert collect_garbage(carry_out=False).collectable.count == 1
    with pytest.raises(UserError, match="DATABASE_URL"):
        collect_garbage(carry_out=True)
    with pytest.raises(CommandError, match="DATABASE_URL"):
        call_command("collect_garbage")
    assert blobs.exists(blob.sha256)


@pytest.mark.usefixtures("long_grace", "named")
def test_what_was_put_within_the_grace_stays(storage):
    blob = blobs.put_bytes(b"its row is not there yet")
    assert collect_garbage(carry_out=True).removed.count == 0
    assert blobs.exists(blob.sha256)


def test_putting_again_renews_the_grace(cast, named, storage, settings):
    settings.GARBAGE_GRACE_SECONDS = 2.0
    blob = blobs.put_bytes(b"needed again")
    time.sleep(2.1)
    blobs.put_bytes(b"needed again")
    settings.GARBAGE_GRACE_SECONDS = 1.0
    assert storage.head(renewal_key(blob.sha256))
    assert collect_garbage(carry_out=True).removed.count == 0
    time.sleep(2.1)
    assert collect_garbage(carry_out=True).removed.count == 1
    assert list(storage.list("renewed/")) == []


@pytest.mark.django_db(transaction=True)  # else a child's heartbeat waits for the test's own transaction
def test_all_that_a_workflow_stored_is_named(cast, tmp_path, storage):
    """Dataset, index and findings, base, adapter with all its files, checkpoint, log: nothing of it goes."""
    version = put(cast, "sums", {"prompt": "1+1?", "completion": "2"}, {"prompt": "2+2?", "completion": "4"})
    for task in version.tasks.all():
        run_task(task)
    base = register_tiny_base(cast.team)
    adapter = make_version(base, tmp_path / "adapter", user=cast.editor)
    job = make_job(cast.access(cast.editor), base)
    attempt = claim_next_job("w@test")
    make_checkpoint(attempt, 3)
    fail(attempt, Cause.CRASHED)
    before = stored(storage)
    looked = collect_garbage(carry_out=True, workspace=cast.team)
    assert looked.collectable.count == 0
    assert stored(storage) == before
    layout = ArchiveLayout.model_validate_json(blobs.read(adapter.archive_layout_sha256))
    assert {part.sha256 for part in layout.parts if part.sha256} <= before
    kinds = {kind: amount.count for kind, amount in looked.kinds.items() if amount.count}
    assert kinds.keys() == {"datasets", "bases", "adapters", "checkpoints", "logs"}
    assert attempt.job == job


def test_files_that_came_in_stay_while_a_row_names_them(cast, named, tmp_path, storage):
    names = [str(uuid.uuid4()) for _ in range(4)]
    for name in names:
        (tmp_path / name).write_bytes(b"rows")
        incoming.hand_over(tmp_path / name, name)
    Upload.objects.create(id=names[0], workspace=cast.team, created_by=cast.editor, file_name="a", size=4)
    DatasetImport.objects.create(workspace=cast.team, name="a", source={"files": [{"id": names[1]}]})
    BaseImport.objects.create(workspace=cast.team, name="a", source={"files": [{"id": names[2], "path": "x"}]})
    assert collect_garbage(carry_out=True).removed.count == 1
    assert {name for name, _, _ in incoming.stored()} == set(names[:3])


def test_what_programs_that_died_left_half_written_goes(cast, named, storage, settings):
    if not isinstance(storage, LocalStore):
        pytest.skip("only a folder shows such files")
    blob = blobs.put_bytes(b"x")
    place = blobs.local_path(blob.sha256)
    part = place.with_name(f"{place.name}#1")
    part.write_bytes(b"hal")
    settings.GARBAGE_GRACE_SECONDS = 3600.0
    assert collect_garbage(carry_out=True).unfinished == 0
    os.utime(part, (1, 1))
    assert collect_garbage(carry_out=True).unfinished == 1
    assert place.exists()
    assert not part.exists()


def test_a_placed_file_outlives_its_blob(cast, named, tmp_path, storage):
    blob = blobs.put_bytes(b"a base that a run reads")
    blobs.place(blob.sha256, tmp_path / "base")
    assert collect_garbage(carry_out=True).removed.count == 1
    assert (tmp_path / "base").read_bytes() == b"a base that a run reads"


def test_a_layout_names_what_no_column_names(cast, tmp_path, storage, monkeypatch):
    """As if `SHA256SUMS` had been written differently when the version was registered."""
    version = make_version(register_tiny_base(cast.team), tmp_path / "adapter")
    before = stored(storage)
    from adapters.manifest import Manifest

    monkeypatch.setattr(Manifest, "checksums", lambda *_: b"another form of the list")
    assert collect_garbage(carry_out=True).removed.count == 0
    assert stored(storage) == before
    version.adapter.delete()
    gone = collect_garbage(carry_out=True)
    assert gone.removed.count > 5
    assert stored(storage) < before


def test_a_collector_that_dies_leaves_no_note_for_ever(cast, named, storage, monkeypatch):
    from finetune_app.storage import garbage, renewal

    storage.put(f"{NOTES}dead", b"0" * 64)
    collect_garbage(carry_out=True)
    assert [found for batch in storage.list(NOTES) for found in batch]
    for module in (garbage, renewal):
        monkeypatch.setattr(module, "NOTE_SECONDS", -5)
    collect_garbage(carry_out=True)
    assert [found for batch in storage.list(NOTES) for found in batch] == []
