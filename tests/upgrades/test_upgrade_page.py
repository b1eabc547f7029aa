"""The page of an upgrade and the same over REST: what changed, what it touches, and one click that retrains."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adapters.models import Alias
from finetune_app.jobs.models import Job
from tests.adapters import bases
from tests.adapters.makers import make_version
from tests.pages import one_line, words
from tests.upgrades.makers import make_trained, queue_job

pytestmark = pytest.mark.django_db
PAGE = "/w/team/bases/tiny/r/2/upgrade/"
REST = "/api/v1/base-models/tiny/revisions/2/upgrade"


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    """adder@1 is in production, adder@2 is newer, and a job is queued for a third; then tiny@2 comes."""
    access = cast.access(cast.editor)
    version = make_trained(access, tiny_base, tmp_path)
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    return version


@pytest.fixture
def newer(cast, version, tmp_path):
    access = cast.access(cast.editor)
    make_trained(access, version.base_revision, tmp_path, seed=8)
    queue_job(access, version.base_revision, seed=9)
    return bases.register_changed(cast.team, bases.other_weights)


def read(client, url=PAGE):
    return one_line(client.get(url).content.decode())


def test_it_says_what_changed_and_what_it_touches(cast, newer):
    text = words(read(cast.client(cast.viewer)))
    assert "The weights changed; their names and shapes are the same. Adapters of the older revision must not" in text
    assert "adder@production is v1 on r1. It must not be put on the newer revision: retrain it" in text
    assert "Job 3 for adder. It stays on tiny@1, with which it was set up; what it makes will be stale." in text
    assert "adder : 2 versions on older revisions, 2 stale." in text


def test_each_stale_version_comes_with_its_recipe_and_what_is_used_is_chosen(cast, version, newer, tmp_path):
    make_trained(cast.access(cast.editor), version.base_revision, tmp_path, seed=10)
    page = read(cast.client(cast.editor))
    text = words(page)
    assert "adder v1 on r1 @production sums v1" in text
    assert "r 2 · alpha 4 · learning rate 0.0002 · 3 steps 7 not asked for" in text
    chosen = {
        name: "checked" in page.split(f'value="{name}"')[1].split(">")[0] for name in ("adder@1", "adder@2", "adder@3")
    }
    assert chosen == {"adder@1": True, "adder@2": False, "adder@3": True}  # in production; neither; the newest
    assert "Queue 2 retrainings" in text


def test_one_click_queues_the_chosen_ones_and_a_second_changes_nothing(cast, newer):
    editor = cast.client(cast.editor)
    chosen = {"version": ["adder@1", "adder@2"]}
    text = words(one_line(editor.post(f"{PAGE}retrain", chosen, follow=True).content.decode()))
    assert "Queued 2 retrainings: jobs 4, 5." in text
    assert "Queued job 4" in text
    assert "Retrain adder@1" not in read(editor)
    text = words(one_line(editor.post(f"{PAGE}retrain", chosen, follow=True).content.decode()))
    assert "Asked for before, so nothing was queued again: adder@1, adder@2." in text
    assert Job.objects.filter(retrains__isnull=False).count() == 2


def test_nothing_chosen_is_told(cast, newer):
    page = cast.client(cast.editor).post(f"{PAGE}retrain", {}, follow=True)
    assert "Choose at least one version to retrain." in words(one_line(page.content.decode()))


def test_an_imported_version_says_why_it_cannot_be_retrained(cast, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "adapter", origin="imported")
    bases.register_changed(cast.team, bases.other_weights)
    page = read(cast.client(cast.editor))
    assert "adder@1 was imported, so what it was trained with is not known." in words(page)
    assert 'type="checkbox"' not in page


def test_a_soft_change_asks_for_no_retraining(cast, version):
    bases.register_changed(cast.team, bases.other_template)
    text = words(read(cast.client(cast.viewer)))
    assert "The chat template changed. Adapters of the older revision may be put on it" in text
    assert "Nothing to retrain" in text
    assert "adder : 1 version on older revisions, 1 to look at again." in text


def test_the_first_revision_explains_what_an_upgrade_will_be(cast, tiny_base):
    assert "Nothing to upgrade from" in read(cast.client(cast.viewer), "/w/team/bases/tiny/r/1/upgrade/")


def test_an_older_upgrade_leads_to_the_newest(cast, newer):
    bases.register_changed(cast.team, bases.other_rope)
    page = read(cast.client(cast.viewer))
    assert "There is a newer revision: upgrade to r3 ." in words(page)
    assert 'href="/w/team/bases/tiny/r/3/upgrade/"' in page


@pytest.mark.parametrize(
    ("who", "page", "post"), [("owner", 200, 302), ("editor", 200, 302), ("viewer", 200, 403), ("outsider", 404, 404)]
)
def test_who_may_look_and_who_may_retrain(cast, newer, who, page, post):
    client = cast.client(getattr(cast, who))
    assert client.get(PAGE).status_code == page
    assert client.post(f"{PAGE}retrain", {"version": "adder@1"}).status_code == post
    assert Job.objects.filter(retrains__isnull=False).exists() == (post == 302)


def test_over_rest_it_is_the_same(cast, newer):
    body = cast.api(cast.viewer).get(REST).json()
    assert (body["revision"], body["change"]) == ("tiny@2", "weights")
    assert body["from_revisions"] == [
        {"revision": "tiny@1", "change": "weights", "differs_in": ["weights"], "effect": "stale"}
    ]
    assert [alias["alias"] for alias in body["aliases"]] == ["adder@production"]
    assert [(job["number"], job["state"], job["effect"]) for job in body["jobs"]] == [(3, "queued", "stale")]
    assert body["adapters"] == [{"name": "adder", "versions": 2, "stale": 2, "superseded": 0, "flagged": 0}]
    rows = {row["version"]: row for row in body["retrainings"]}
    assert set(rows) == {"adder@1", "adder@2"}
    assert (rows["adder@1"]["dataset"], rows["adder@1"]["seed"], rows["adder@1"]["state"]) == ("sums@1", 7, "not_asked")
    editor = cast.api(cast.editor)
    answer = editor.post(f"{REST}/retrain", {"versions": ["adder@production"]}, content_type="application/json")
    assert (answer.status_code, answer.json()["items"]) == (
        202,
        [{"version": "adder@1", "job": 4, "is_new": True, "problem": None}],
    )
    rows = {row["version"]: row for row in editor.get(REST).json()["retrainings"]}
    assert (rows["adder@1"]["state"], rows["adder@1"]["job"]) == ("queued", 4)


@pytest.mark.parametrize(
    ("who", "versions", "status", "code"),
    [
        ("viewer", ["adder@1"], 403, "not_allowed"),
        ("editor", [], 422, "nothing_chosen"),
        ("editor", ["adder@9"], 422, "adapter_version_not_found"),
        ("outsider", ["adder@1"], 404, "base_revision_not_found"),
    ],
)
def test_over_rest_a_refusal_has_its_code(cast, newer, who, versions, status, code):
    client = cast.api(getattr(cast, who))
    answer = client.post(f"{REST}/retrain", {"versions": versions}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_more_versions_take_no_more_queries(cast, version, newer, tmp_path):
    viewer = cast.client(cast.viewer)
    read(viewer)
    with CaptureQueriesContext(connection) as few:
        read(viewer)
    for seed in range(20, 30):
        make_trained(cast.access(cast.editor), version.base_revision, tmp_path, seed=seed)
    with CaptureQueriesContext(connection) as many:
        assert "Queue 2 retrainings" not in read(viewer)
    assert len(many) == len(few) <= 25
