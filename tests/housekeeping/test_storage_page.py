"""Settings → Storage: everybody sees it, editors look, admins change the rule and delete."""

from io import StringIO

import pytest
from django.core.management import call_command

from adapters.models import AdapterVersion, RegistryTask
from finetune_app.housekeeping.services.request_tidying import request_look, request_run
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.housekeeping.makers import name_something, run_tidying

PAGE = "/w/team/settings/storage"
pytestmark = pytest.mark.usefixtures("storage")


@pytest.fixture
def storage(tmp_path, settings):
    """A storage of its own, in which everything is old at once."""
    settings.STORAGE_URL = (tmp_path / "storage").as_uri()
    settings.GARBAGE_GRACE_SECONDS = -5.0


def text_of(client, url=PAGE):
    return " ".join(client.get(url).content.decode().split())


def test_before_anybody_looked_the_page_says_how_it_works(cast):
    page = text_of(cast.client(cast.editor))
    assert "Nobody has looked yet" in page
    assert "Look now" in page
    assert "Look now" not in text_of(cast.client(cast.viewer))


def test_from_the_rule_over_the_look_to_the_run(cast, tiny_base, tmp_path):
    for seed in range(3):
        make_version(tiny_base, tmp_path / str(seed), key=f"job-{seed}")
    blobs.put_bytes(b"nobody's")
    admin = cast.client(cast.owner)
    assert "The rule is saved" in admin.post(PAGE, {"keep_last": "1"}, follow=True).content.decode()
    page = admin.post(f"{PAGE}/look", follow=True).content.decode()
    assert "Looking what would go" in page
    assert "Run now" not in page
    assert "Waiting for a worker" in admin.get(f"{PAGE}/progress", headers={"hx-request": "true"}).content.decode()
    run_tidying()
    done = admin.get(f"{PAGE}/progress", headers={"hx-request": "true"})
    assert done.headers["HX-Redirect"] == PAGE
    page = text_of(admin)
    assert "2 versions of adapters" in page
    assert "1 blob that nothing names (8 B)" in page
    assert "adder@1" in page
    assert "1: among the last of its adapter" in page
    assert admin.post(f"{PAGE}/run").status_code == 302
    run_tidying()
    page = text_of(admin)
    assert "it deleted 2 versions and removed 1 blob (8 B)" in page
    assert "That is known after the next look" in page
    assert AdapterVersion.objects.get().number == 3


def test_a_run_that_failed_says_why(cast):
    task = request_look(cast.access(cast.editor))
    RegistryTask.objects.filter(pk=task.pk).update(
        state=TaskState.FAILED, error_code="worker_lost", error="The worker stopped answering."
    )
    assert "The worker stopped answering." in text_of(cast.client(cast.viewer))


def test_who_may(cast):
    request_run(cast.access(cast.owner))
    for user in (cast.viewer, cast.editor):
        page = text_of(cast.client(user))
        assert "An admin of the workspace can change it" in page
        assert cast.client(user).post(PAGE, {"keep_last": "1"}).status_code == 403
        assert cast.client(user).post(f"{PAGE}/run").status_code == 403
    assert cast.client(cast.viewer).post(f"{PAGE}/look").status_code == 403
    for path in ("", "/progress"):
        assert cast.client(cast.outsider).get(PAGE + path).status_code == 404
    assert cast.client(cast.owner).get(f"{PAGE}/run").status_code == 405


def test_the_command_line_looks_and_removes(cast):
    name_something()
    blob = blobs.put_bytes(b"nobody's")
    out = StringIO()
    call_command("collect_garbage", "--dry-run", stdout=out)
    assert "Would go" in out.getvalue()
    assert blobs.exists(blob.sha256)
    out = StringIO()
    call_command("collect_garbage", stdout=out)
    assert out.getvalue().splitlines()[-1].split()[-3:] == ["1", "8", "B"]
    assert not blobs.exists(blob.sha256)
