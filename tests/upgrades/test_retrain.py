"""Retraining: what is queued, that asking twice is one job, what cannot be repeated, and what it supersedes."""

import threading

import pytest
from django.db import connection

from adapters.models import AdapterVersion, Alias
from adapters.recipe import recipe_digest
from adapters.services.move_version import move_version
from adapters.services.standing import standing
from adapters.states import VersionOrigin, VersionStatus
from finetune_app.errors import UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.retry_job import retry_job
from finetune_app.jobs.states import JobState
from finetune_app.upgrades.services.retrain_version import retrain_version, retrain_versions
from tests.adapters import bases
from tests.adapters.makers import make_version
from tests.cast import make_cast
from tests.pages import one_line, words
from tests.tiny_base import register_tiny_base
from tests.upgrades.makers import CONFIG, end_job, make_trained, queue_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


@pytest.fixture
def version(editor, tiny_base, tmp_path):
    """A version that job 1 trained on tiny@1."""
    return make_trained(editor, tiny_base, tmp_path)


@pytest.fixture
def newer(cast, version):
    """tiny@2, of other weights: the version is stale."""
    return bases.register_changed(cast.team, bases.other_weights)


def test_the_same_recipe_is_queued_on_the_newer_revision(editor, version, newer):
    asked = retrain_version(editor, version, newer)
    job = asked.job
    assert asked.is_new
    assert (job.adapter_name, job.base_revision, job.retrains) == ("adder", newer, version)
    assert (job.dataset_version, job.config) == (version.job.dataset_version, version.job.config)
    assert job.config["seed"] == CONFIG["seed"]
    assert job.recipe_digest == version.recipe_digest == version.job.recipe_digest != ""


def test_what_it_makes_names_its_ancestor_and_takes_its_place(cast, editor, version, newer, tmp_path):
    made = end_job(retrain_version(editor, version, newer).job, tmp_path)
    version.refresh_from_db()
    assert (version.status, version.status_reason) == (VersionStatus.SUPERSEDED, "adder@2 repeats it on tiny@2.")
    assert (made.status, made.retrains, made.recipe_digest) == (VersionStatus.SERVABLE, version, version.recipe_digest)
    assert made.manifest["lineage"]["retrains"] == {
        "adapter": "adder",
        "version": 1,
        "manifest_sha256": version.manifest_sha256,
    }
    again = retrain_version(editor, version, newer)
    assert (again.job, again.is_new) == (made.job, False)
    viewer = cast.client(cast.viewer)
    for url in ("/w/team/adapters/adder/v/2/", "/w/team/jobs/2/"):
        page = one_line(viewer.get(url).content.decode())
        assert "Retrains adder" in words(page)
        assert "/w/team/adapters/adder/v/1/" in page
    assert cast.api(cast.viewer).get("/api/v1/jobs/2").json()["retrains"] == "adder@1"


def test_asking_again_is_the_same_job_until_that_failed_or_was_cancelled(editor, version, newer):
    first = retrain_version(editor, version, newer).job
    again = retrain_version(editor, version, newer)
    assert (again.job, again.is_new) == (first, False)
    cancel_job(editor, first)
    second = retrain_version(editor, version, newer)
    assert second.is_new
    Job.objects.filter(pk=second.job.pk).update(state=JobState.FAILED)
    third = retrain_version(editor, version, newer)
    assert third.is_new
    assert retrain_version(editor, version, newer).job == third.job
    assert Job.objects.filter(retrains=version).count() == 3


def test_another_try_of_a_failed_retraining_is_one_too_and_not_beside_a_new_one(editor, version, newer):
    first = retrain_version(editor, version, newer).job
    cancel_job(editor, first)
    first.refresh_from_db()
    retried = retry_job(editor, first, {}, from_checkpoint=False)
    assert (retried.retrains, retried.recipe_digest) == (version, version.recipe_digest)
    assert retrain_version(editor, version, newer).job == retried
    with pytest.raises(UserError, match=f"Job {retried.number} repeats this recipe on tiny@2 already") as refused:
        retry_job(editor, first, {}, from_checkpoint=False)
    assert refused.value.code == "already_retrained"


def test_the_same_recipe_run_twice_is_retrained_once(editor, version, newer, tmp_path):
    """A twin came late: both are stale, and one job repeats them."""
    twin = make_trained(editor, version.base_revision, tmp_path)
    first = retrain_version(editor, version, newer)
    second = retrain_version(editor, twin, newer)
    assert (second.job, second.is_new) == (first.job, False)
    end_job(first.job, tmp_path)
    assert set(AdapterVersion.objects.filter(base_revision__number=1).values_list("status", flat=True)) == {
        "superseded"
    }
    move_version(twin.pk, VersionStatus.RETIRED)
    assert standing(twin)[0] == VersionStatus.SUPERSEDED  # as what it would be taken back into use


def test_other_seeds_and_other_lines_are_other_retrainings(editor, version, newer, tmp_path):
    seed = make_trained(editor, version.base_revision, tmp_path, seed=8)
    line = make_trained(editor, version.base_revision, tmp_path, adapter="other")
    jobs = {retrain_version(editor, one, newer).job for one in (version, seed, line)}
    assert len(jobs) == 3


def test_a_version_from_before_recipes_were_kept_has_one_all_the_same(editor, version, newer):
    AdapterVersion.objects.update(recipe_digest="")
    version.refresh_from_db()
    job = retrain_version(editor, version, newer).job
    assert job.recipe_digest == version.job.recipe_digest
    assert retrain_version(editor, version, newer).job == job


def test_rows_config_method_seed_and_ancestor_make_the_recipe():
    parts = {"dataset_sha256": "a", "config": {"r": 8, "x": [1]}, "method": "sft", "seed": 1, "continues": ""}
    other = {"dataset_sha256": "b", "config": {"r": 9, "x": [1]}, "method": "dpo", "seed": 2, "continues": "c"}
    digests = {recipe_digest(**parts | {name: other[name]}) for name in parts} | {recipe_digest(**parts)}
    assert len(digests) == len(parts) + 1
    assert recipe_digest(**parts | {"config": {"x": [1], "r": 8}}) == recipe_digest(**parts)


def test_what_continues_waits_for_its_ancestor_and_continues_from_what_retrained_that(editor, version, tmp_path, cast):
    child = make_trained(editor, version.base_revision, tmp_path, adapter="child", continues="adder@1")
    newer = bases.register_changed(cast.team, bases.other_weights)
    with pytest.raises(UserError, match="child@1 continues from adder@1, which is not retrained on tiny@2 yet"):
        retrain_version(editor, child, newer)
    end_job(retrain_version(editor, version, newer).job, tmp_path)
    job = retrain_version(editor, child, newer).job
    assert (str(job.continues), job.recipe_digest) == ("adder@2", child.recipe_digest)


@pytest.mark.parametrize("origin", [VersionOrigin.IMPORTED, VersionOrigin.COMBINED])
def test_what_nobody_trained_here_cannot_be_repeated(editor, tiny_base, cast, tmp_path, origin):
    version = make_version(tiny_base, tmp_path / "adapter", origin=origin)
    newer = bases.register_changed(cast.team, bases.other_weights)
    with pytest.raises(UserError, match=f"adder@1 was {origin.value}") as refused:
        retrain_version(editor, version, newer)
    assert refused.value.code == "recipe_unknown"


def test_rows_that_are_gone_and_configs_of_old_are_told(editor, tiny_base, cast, tmp_path):
    gone = make_version(tiny_base, tmp_path / "adapter")
    dataset = queue_job(editor, tiny_base).dataset_version
    odd = make_version(tiny_base, tmp_path / "adapter", key="2", dataset_sha256=dataset.sha256, config={"r": 0})
    newer = bases.register_changed(cast.team, bases.other_weights)
    with pytest.raises(UserError, match="sums@2, are not there any more") as refused:
        retrain_version(editor, gone, newer)
    assert refused.value.code == "dataset_version_gone"
    with pytest.raises(UserError, match=r"The config of adder@2 cannot be used as it was: r: ") as refused:
        retrain_version(editor, odd, newer)
    assert refused.value.code == "config_no_longer_valid"


def test_what_fits_or_is_no_upgrade_or_was_retired_is_refused(editor, cast, version, newer):
    with pytest.raises(UserError, match="is not a newer revision") as refused:
        retrain_version(editor, version, version.base_revision)
    assert refused.value.code == "not_an_upgrade"
    back = bases.register_changed(cast.team, bases.other_template)
    with pytest.raises(UserError, match="adder@1 fits tiny@3 as it is") as refused:
        retrain_version(editor, version, back)
    assert refused.value.code == "still_fits"
    move_version(version.pk, VersionStatus.RETIRED, reason="It was bad.")
    version.refresh_from_db()
    with pytest.raises(UserError, match=r"adder@1 was taken out of use \(It was bad\)") as refused:
        retrain_version(editor, version, newer)
    assert refused.value.code == "adapter_version_retired"
    assert Job.objects.count() == 1


def test_several_are_asked_for_at_once_by_number_or_alias_and_one_keeps_no_other_back(editor, version, tmp_path, cast):
    imported = make_version(version.base_revision, tmp_path / "adapter", key="2", origin=VersionOrigin.IMPORTED)
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    newer = bases.register_changed(cast.team, bases.other_weights)
    asked = retrain_versions(editor, newer, ["adder@production", "adder@2", "adder@1"])
    assert [(item.version, item.is_new) for item in asked] == [(version, True), (imported, False)]
    assert asked[1].problem.code == "recipe_unknown"
    with pytest.raises(UserError, match="nobody@1"):
        retrain_versions(editor, newer, ["nobody@1"])
    with pytest.raises(UserError, match="Choose at least one version"):
        retrain_versions(editor, newer, [])


@pytest.mark.django_db(transaction=True)
def test_two_people_who_click_at_the_same_moment_get_one_job(transactional_db, tmp_path):
    cast = make_cast()
    access = cast.access(cast.editor)
    version = make_trained(access, register_tiny_base(cast.team), tmp_path)
    newer = bases.register_changed(cast.team, bases.other_weights)
    start, asked = threading.Barrier(4), []

    def click():
        start.wait()
        asked.append(retrain_version(access, version, newer))
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 4
    assert len({item.job.pk for item in asked}) == 1
    assert sum(item.is_new for item in asked) == 1
    assert Job.objects.filter(retrains=version).count() == 1
