"""The retention rule of a workspace: what a dry run lists, and what a run deletes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from adapters.models import Adapter, AdapterVersion, RegistryTask, RetentionRule, VersionTag
from adapters.services.move_alias import move_alias
from finetune_app.housekeeping.services.request_tidying import request_run, sweep_rules
from finetune_app.housekeeping.services.set_rule import set_rule
from finetune_app.jobs.models import Job
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.housekeeping.makers import run_tidying
from tests.jobs.makers import make_job
from tests.tiny_base import register_tiny_base

REST = "/api/v1/housekeeping"


@pytest.fixture(autouse=True)
def storage_of_its_own(tmp_path, settings):
    """Other tests' blobs are garbage to the runs here."""
    settings.STORAGE_URL = (tmp_path / "storage").as_uri()


@pytest.fixture
def versions(cast, tiny_base, tmp_path):
    made = [make_version(tiny_base, tmp_path / str(seed), key=f"job-{seed}", user=cast.editor) for seed in range(6)]
    AdapterVersion.objects.update(created_at=timezone.now() - timedelta(days=90))
    return made


def rule(cast, **changes):
    body = {"keep_last": 2, "keep_days": 30, "is_on": False} | changes
    assert cast.api(cast.owner).put(f"{REST}/rule", body, content_type="application/json").status_code == 200


def look(cast):
    assert cast.api(cast.editor).post(f"{REST}/dry-run").status_code == 202
    run_tidying()
    return cast.api(cast.viewer).get(f"{REST}/dry-run").json()["result"]["retention"]


def numbers():
    return sorted(AdapterVersion.objects.values_list("number", flat=True))


def test_without_a_rule_nothing_goes(cast, versions):
    found = look(cast)
    assert (found["going"]["count"], found["staying"]) == (0, {"no_rule": 6})


def test_the_dry_run_lists_what_would_go_and_why_others_stay_and_deletes_nothing(cast, tiny_base, versions):
    rule(cast)
    move_alias(cast.access(cast.editor), versions[0], "production")
    VersionTag.objects.create(version=versions[1], name="keep")
    job = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(continues=versions[2])
    found = look(cast)
    assert [one["version"] for one in found["versions"]] == ["adder@4"]
    assert found["versions"][0]["bytes"] == sum(file["size"] for file in versions[3].manifest["files"])
    assert {one["version"]: one["reason"] for one in found["stays"]} == {
        "adder@1": "alias",
        "adder@2": "tag",
        "adder@3": "in_use",
        "adder@5": "last",
        "adder@6": "last",
    }
    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert RetentionRule.objects.get().last_run_at is None


def test_a_run_deletes_exactly_that_and_the_bytes_go_with_the_next_one(cast, versions, settings):
    settings.GARBAGE_GRACE_SECONDS = -5.0
    rule(cast)
    move_alias(cast.access(cast.editor), versions[0], "production")
    blob = versions[1].manifest_sha256
    request_run(cast.access(cast.owner))
    first = run_tidying().result
    assert (first["retention"]["removed"], numbers()) == (3, [1, 5, 6])
    assert blobs.exists(blob)
    assert RetentionRule.objects.get().last_run_at is not None
    request_run(cast.access(cast.owner))
    second = run_tidying().result
    assert second["storage"]["removed"]["count"] > 0
    assert not blobs.exists(blob)
    assert blobs.exists(versions[0].manifest_sha256)
    assert Adapter.objects.get().newest == versions[5]


def test_young_versions_stay(cast, versions):
    rule(cast)
    AdapterVersion.objects.filter(number__in=[1, 2]).update(created_at=timezone.now() - timedelta(days=29))
    assert [one["version"] for one in look(cast)["versions"]] == ["adder@3", "adder@4"]


def test_what_somebody_began_to_need_after_the_look_stays(cast, versions, monkeypatch):
    from finetune_app.housekeeping.services import apply_retention

    rule(cast)
    remove = apply_retention.remove_version

    def slow(version, **how):
        if not version.aliases.exists() and version.number == 2:
            move_alias(cast.access(cast.editor), version, "challenger")
        remove(version, **how)

    monkeypatch.setattr(apply_retention, "remove_version", slow)
    request_run(cast.access(cast.owner))
    assert run_tidying().result["retention"]["removed"] == 3
    assert numbers() == [2, 5, 6]


def test_another_workspaces_versions_are_not_touched(cast, versions, tmp_path):
    rule(cast)
    base = register_tiny_base(cast.elsewhere)
    for seed in range(3):
        make_version(base, tmp_path / f"e{seed}", key=f"e{seed}")
    AdapterVersion.objects.update(created_at=timezone.now() - timedelta(days=90))
    request_run(cast.access(cast.owner))
    run_tidying()
    assert AdapterVersion.objects.filter(adapter__workspace=cast.elsewhere).count() == 3


def test_a_rule_that_is_on_is_carried_out_once_a_day(cast, versions):
    sweep_rules()
    rule(cast)
    sweep_rules()
    assert not RegistryTask.objects.exists()
    rule(cast, is_on=True)
    for _ in range(3):
        sweep_rules()
    run_tidying()
    sweep_rules()
    assert (RegistryTask.objects.count(), numbers()) == (1, [5, 6])
    day = timedelta(days=1, minutes=1)
    RegistryTask.objects.update(created_at=timezone.now() - day)
    RetentionRule.objects.update(last_run_at=timezone.now() - day)
    sweep_rules()
    assert RegistryTask.objects.filter(state=TaskState.QUEUED).count() == 1


def test_a_run_that_waits_is_not_asked_for_twice(cast, versions):
    rest = cast.api(cast.owner)
    first, second = (rest.post(f"{REST}/run").json() for _ in range(2))
    assert first["id"] == second["id"]
    assert rest.post(f"{REST}/dry-run").json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"keep_last": 0}, "keep_last"), ({"keep_days": 0}, "keep_days"), ({"keep_last": None}, "keep_last")],
)
def test_a_rule_that_cannot_be_is_refused_beside_its_field(cast, changes, field):
    body = {"keep_last": 2, "keep_days": 30} | changes
    answer = cast.api(cast.owner).put(f"{REST}/rule", body, content_type="application/json")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    page = cast.client(cast.owner).post(
        "/w/team/settings/storage", {name: value or "" if value is None else value for name, value in body.items()}
    )
    assert page.status_code == 422
    assert f"id_{field}_error" in page.content.decode()
    assert not RetentionRule.objects.exists()


def test_who_may(cast):
    body = {"keep_last": 3}
    for user, look_status, change_status in (
        (cast.viewer, 403, 403),
        (cast.editor, 202, 403),
        (cast.owner, 202, 202),
        (cast.outsider, 202, 202),
    ):
        rest = cast.api(user)
        assert rest.get(f"{REST}/rule").status_code == 200
        assert rest.post(f"{REST}/dry-run").status_code == look_status
        assert rest.post(f"{REST}/run").status_code == change_status
        saved = rest.put(f"{REST}/rule", body, content_type="application/json").status_code
        assert saved == (200 if change_status == 202 else 403)
    assert RetentionRule.objects.get(workspace=cast.team).keep_last == 3
    assert RegistryTask.objects.filter(workspace=cast.team).count() == 2


def test_the_rule_belongs_to_its_workspace(cast):
    set_rule(cast.access(cast.owner), keep_last=3, keep_days=None, is_on=False)
    assert cast.api(cast.outsider).get(f"{REST}/rule").json() == {"keep_last": None, "keep_days": None, "is_on": False}


def test_a_run_that_was_refused_says_why(cast, settings, tmp_path):
    settings.STORAGE_URL = (tmp_path / "of another database").as_uri()
    blobs.put_bytes(b"nothing of this database")
    assert cast.api(cast.owner).post(f"{REST}/run").status_code == 202
    run_tidying()
    answer = cast.api(cast.viewer).get(f"{REST}/run").json()
    assert (answer["state"], answer["error"]["code"], answer["result"]) == ("failed", "storage_not_known", None)
