"""A worker reads a base from the storage once: the next job on it finds its files on the worker's own disk."""

import pytest

from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.storage import blobs
from tests.cast import make_cast
from tests.jobs.makers import make_job
from tests.storage.fixtures import s3_endpoint, storage
from tests.tiny_base import register_tiny_base
from workers.known_base import known_fingerprint
from workers.prepare_run import prepare_run
from workers.relay import Relay
from workers.spec import RunSpec

__all__ = ["s3_endpoint", "storage"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
def test_the_next_job_on_a_base_does_not_read_it_again(storage, settings, tmp_path):
    settings.WORK_FOLDER = tmp_path / "work"
    cast = make_cast()
    base = register_tiny_base(cast.team)
    access = cast.access(cast.editor)
    for number in (1, 2):
        make_job(access, base)
        attempt = claim_next_job("worker")
        prepare_run(attempt.job, tmp_path / f"run-{number}", Relay(attempt))
        for file in base.files:
            blobs.delete(file["sha256"])  # whoever reads it from the storage from now on fails

    first, second = (RunSpec.load(tmp_path / f"run-{number}").base_folder for number in (1, 2))
    assert first == second
    assert {path.name for path in second.iterdir()} == {file["path"] for file in base.files}
    assert known_fingerprint(second).weights_root == base.weights_root
