"""Garbage is collected beside uploads: nothing that anybody names is lost, whatever the order of events."""

import random
import threading
import time
from contextlib import suppress

import pytest
from django.db import connection

from adapters.models import RegistryTask
from adapters.states import RegistryTaskKind
from finetune_app.accounts.models import Workspace
from finetune_app.housekeeping.services.collect_garbage import collect_garbage
from finetune_app.storage import blobs, garbage
from finetune_app.storage.renewal import blob_key
from tests.housekeeping.makers import name_something

pytestmark = [pytest.mark.usefixtures("storage"), pytest.mark.django_db(transaction=True)]
GRACE = 1.0
SECONDS = 5.0


class Threads:
    """Threads that end with the test; what one of them raises, the test raises."""

    def __init__(self):
        self.end = threading.Event()
        self.errors = []
        self._threads = []

    def start(self, work, *args):
        def run():
            try:
                work(*args)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                self.errors.append(error)
            finally:
                connection.close()

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()
        return self._threads[-1]

    def join(self):
        self.end.set()
        for thread in self._threads:
            thread.join(timeout=60)
        assert not [thread for thread in self._threads if thread.is_alive()]
        if self.errors:
            raise self.errors[0]


@pytest.fixture
def threads():
    started = Threads()
    yield started
    started.join()


@pytest.fixture
def team(storage):
    """A workspace, and a blob that is always named."""
    name_something()
    return Workspace.objects.get()


def test_nothing_named_is_lost_and_the_rest_goes(team, threads, settings):
    settings.GARBAGE_GRACE_SECONDS = GRACE
    kept, removed = [], []

    def upload(seed):
        chance = random.Random(seed)  # noqa: S311 - no secret
        contents = [f"of {seed}".encode(), b"of all"]
        while not threads.end.is_set():
            content = contents[chance.random() < 0.2]
            blob = blobs.put_bytes(content)
            put_at = time.monotonic()
            time.sleep(chance.uniform(0, GRACE / 3))
            task = RegistryTask.objects.create(
                workspace=team, kind=RegistryTaskKind.TIDY, key=f"{seed}-{put_at}", result={"blob": blob.sha256}
            )
            if time.monotonic() - put_at < GRACE / 2 - 0.1:  # else this machine was too slow to keep its promise
                time.sleep(chance.uniform(0, 0.2))
                assert blobs.read(blob.sha256) == content
                kept.append(blob.sha256)
            task.delete()
            # Until about when the blob is old enough to go: then it is put again, or just gone.
            time.sleep(max(0.0, put_at + chance.uniform(GRACE + 0.5, GRACE + 1.7) - time.monotonic()))

    def collect():
        while not threads.end.is_set():
            removed.append(collect_garbage(carry_out=True).removed.count)

    for seed in range(12):
        threads.start(upload, seed)
    for _ in range(2):
        threads.start(collect)
    time.sleep(SECONDS)
    threads.join()
    assert len(kept) > 5
    assert sum(removed) > 0


@pytest.fixture
def halted(monkeypatch):
    """A collector that has decided to delete a blob and waits with it: (it waits, it may go on)."""
    waits, go_on, delete = threading.Event(), threading.Event(), garbage._delete

    def slow(store, key):
        if key.startswith("blobs/"):
            waits.set()
            assert go_on.wait(30)
        delete(store, key)

    monkeypatch.setattr(garbage, "_delete", slow)
    return waits, go_on


def test_who_puts_what_is_being_deleted_waits_and_then_has_it(team, threads, settings, halted):
    settings.GARBAGE_GRACE_SECONDS = -5.0
    waits, go_on = halted
    blob = blobs.put_bytes(b"needed once more")
    threads.start(lambda: collect_garbage(carry_out=True))
    assert waits.wait(30)
    putter = threads.start(lambda: blobs.put_bytes(b"needed once more"))
    other = threads.start(lambda: blobs.put_bytes(b"something else"))
    other.join(timeout=30)
    assert not other.is_alive()
    putter.join(timeout=0.3)
    assert putter.is_alive()
    go_on.set()
    threads.join()
    assert blobs.read(blob.sha256) == b"needed once more"


def test_what_was_put_again_after_the_look_stays(team, storage, settings, monkeypatch):
    settings.GARBAGE_GRACE_SECONDS = -5.0
    blob = blobs.put_bytes(b"needed once more")
    take_away = garbage.take_away

    def late(*args):
        settings.GARBAGE_GRACE_SECONDS = 60.0  # from here on everything is young, as what was just put is
        blobs.put_bytes(b"needed once more")
        return take_away(*args)

    monkeypatch.setattr(garbage, "take_away", late)
    assert collect_garbage(carry_out=True).removed.count == 0
    assert storage.head(blob_key(blob.sha256))


def test_a_row_that_was_copied_while_the_tables_were_read_counts(team, settings, monkeypatch):
    """It names the blob at the second look, when the row that it was copied from is gone."""
    from finetune_app.housekeeping.services import collect_garbage as module

    settings.GARBAGE_GRACE_SECONDS = -5.0
    blob = blobs.put_bytes(b"copied")
    looks, everything_named = [], module.everything_named

    def reading(is_stored):
        looks.append(1)
        yield from everything_named(is_stored)
        with suppress(RegistryTask.DoesNotExist):
            RegistryTask.objects.get_or_create(
                workspace=team, kind="tidy", key="copy", defaults={"result": {"deep": [{"in": blob.sha256}]}}
            )

    monkeypatch.setattr(module, "everything_named", reading)
    assert collect_garbage(carry_out=True).removed.count == 0
    assert len(looks) == 2
    assert blobs.exists(blob.sha256)
