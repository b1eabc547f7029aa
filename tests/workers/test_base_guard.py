"""A base whose files change under a run stops it with that cause; files that were only touched do not."""

import os
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.models import MetricPoint
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.states import JobState
from finetune_app.storage import blobs
from tests.cast import make_cast
from tests.jobs.makers import make_job
from tests.tiny_base import register_tiny_base
from workers import run_job
from workers.base_guard import LOOK_SECONDS, BaseGuard
from workers.prepare_run import cached_base

WEIGHTS = "model.safetensors"


@pytest.fixture
def files(tmp_path):
    """A folder with two files, and how they are registered."""
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("config.json", WEIGHTS):
        (folder / name).write_text(name)
    return [{"path": path.name, "sha256": blobs.file_sha256(path)} for path in folder.iterdir()]


def overwrite(path: Path) -> None:
    """Put another file in its place, of the same size and age: its blob, to which it may be a link, stays."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    changed = path.with_name(f"{path.name}.new")
    changed.write_bytes(content)
    os.utime(changed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed.replace(path)


def test_what_nobody_changes_is_fine(files, tmp_path):
    guard = BaseGuard(tmp_path / "base", files)
    assert guard.check() is None


def test_a_file_that_was_only_touched_is_read_again_and_fine(files, tmp_path):
    guard = BaseGuard(tmp_path / "base", files)
    os.link(tmp_path / "base" / WEIGHTS, tmp_path / "link")
    (tmp_path / "base" / "config.json").touch()
    assert guard.check() is None
    assert not guard._touched()


def test_another_content_of_the_same_size_and_age_is_seen(files, tmp_path):
    guard = BaseGuard(tmp_path / "base", files)
    overwrite(tmp_path / "base" / WEIGHTS)
    found = guard.check()
    assert found.code is Cause.BASE_CHANGED
    assert found.detail.startswith("model.safetensors changed on disk while the job ran.")


def test_a_file_that_went_is_seen_also_before_the_first_look(files, tmp_path):
    (tmp_path / "base" / "config.json").unlink()
    assert "config.json is gone" in BaseGuard(tmp_path / "base", files).check().detail


def test_a_look_never_waits_and_finds_it_soon(files, tmp_path):
    guard = BaseGuard(tmp_path / "base", files)
    overwrite(tmp_path / "base" / WEIGHTS)
    end = time.monotonic() + LOOK_SECONDS + 5
    while (found := guard.look()) is None and time.monotonic() < end:
        time.sleep(0.05)
    assert found.code is Cause.BASE_CHANGED


@pytest.fixture
def job(transactional_db, settings, tmp_path):
    """A queued job on the tiny base, whose cause a test looks at when it has run."""
    settings.WORK_FOLDER = tmp_path / "work"
    cast = make_cast()
    return make_job(cast.access(cast.editor), register_tiny_base(cast.team), max_steps=4000, **QUICK)


QUICK = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "per_device_train_batch_size": 1, "max_length": 64}


@pytest.fixture
def damaged(job):
    """One file of the job's base is damaged in the storage, as long as the test lasts."""
    file = next(file for file in job.base_revision.files if file["path"] == "config.json")
    path = blobs.local_path(file["sha256"])
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-1] + b" ")
    yield
    path.write_bytes(whole)
    path.chmod(blobs.READ_ONLY)


@pytest.mark.usefixtures("damaged")
def test_a_queued_job_whose_base_was_damaged_in_the_storage_fails_with_that_cause(job):
    run_job.run_attempt(claim_next_job("w"))
    job.refresh_from_db()
    assert (job.state, job.cause_code) == (JobState.FAILED, Cause.BASE_CHANGED)
    assert "In the storage, config.json is not what it was" in job.cause


def test_a_base_that_changes_while_a_real_trainer_runs_stops_it(job):
    folder = cached_base(job.base_revision)

    def change():
        end = time.monotonic() + 60
        while not MetricPoint.objects.exists() and time.monotonic() < end:
            time.sleep(0.1)
        overwrite(folder / WEIGHTS)
        connection.close()

    thread = threading.Thread(target=change)
    thread.start()
    run_job.run_attempt(claim_next_job("w"))
    thread.join()
    job.refresh_from_db()
    assert MetricPoint.objects.exists()
    assert (job.state, job.cause_code) == (JobState.FAILED, Cause.BASE_CHANGED)
    assert "model.safetensors changed on disk while the job ran." in job.cause
    assert not folder.exists()  # so that the next job does not find it
    assert blobs.file_sha256(cached_base(job.base_revision) / WEIGHTS) in {f["sha256"] for f in job.base_revision.files}


@pytest.mark.parametrize(
    ("changed_after", "ran"),
    [("workers.trainer", ["workers.trainer"]), ("workers.evaluator", ["workers.trainer", "workers.evaluator"])],
)
def test_a_base_that_changes_between_training_and_scoring_stops_it_as_well(job, monkeypatch, changed_after, ran):
    folder, started, run_child = cached_base(job.base_revision), [], run_job.run_child

    def run_good(module, *rest):
        """In its place a child that ends well at once; then somebody writes into the base."""
        started.append(module)
        outcome = run_child("tests.workers.programs.good", *rest)
        if module == changed_after:
            overwrite(folder / WEIGHTS)
        return outcome

    monkeypatch.setattr(run_job, "run_child", run_good)
    run_job.run_attempt(claim_next_job("w"))
    job.refresh_from_db()
    assert started == ran
    assert (job.state, job.cause_code) == (JobState.FAILED, Cause.BASE_CHANGED)
