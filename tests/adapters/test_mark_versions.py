"""What a new base revision does to the versions of the older ones, and how a version's status may move."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adapters.models import Adapter, AdapterVersion
from adapters.services.mark_versions import mark_versions
from adapters.services.move_version import clear_flag, move_version
from adapters.services.standing import reconsider_versions, standing
from adapters.states import VERSION_MOVES, VersionStatus
from tests.adapters import bases
from tests.adapters.makers import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter")


def test_a_hard_change_makes_versions_stale_and_says_why(cast, version):
    bases.register_changed(cast.team, bases.other_weights)
    version.refresh_from_db()
    assert version.status == VersionStatus.STALE
    assert version.status_reason == "tiny@2 differs from tiny@1 in its weights; it goes on working on tiny@1."
    page = cast.client(cast.viewer).get("/w/team/adapters/adder/v/1/download")
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (bases.other_template, "The chat template changed in tiny@2: evaluate again."),
        (bases.added_token, "The tokenizer has new tokens in tiny@2: evaluate again."),
    ],
)
def test_a_soft_change_flags_versions_and_they_stay_servable(cast, version, change, flag):
    bases.register_changed(cast.team, change)
    version.refresh_from_db()
    assert (version.status, version.flag) == (VersionStatus.SERVABLE, flag)
    assert not clear_flag(version.pk, "something else")
    assert clear_flag(version.pk, flag)
    assert not clear_flag(version.pk, flag)


def test_other_bases_and_retired_versions_are_left_alone(cast, version, tmp_path):
    other = make_version(bases.register_changed(cast.team, bases.other_rope, name="other"), tmp_path / "other", key="2")
    retired = make_version(version.base_revision, tmp_path / "adapter", key="3")
    assert move_version(retired.pk, VersionStatus.RETIRED, reason="It was a try.")
    bases.register_changed(cast.team, bases.other_weights)
    statuses = dict(AdapterVersion.objects.values_list("pk", "status"))
    assert statuses == {version.pk: "stale", other.pk: "servable", retired.pk: "retired"}


def test_a_version_that_comes_for_an_old_revision_is_stale_at_once(cast, tiny_base, tmp_path):
    newest = bases.register_changed(cast.team, bases.other_weights)
    late = make_version(tiny_base, tmp_path / "adapter", key="late")
    assert late.status == VersionStatus.STALE
    assert make_version(newest, tmp_path / "adapter", key="newest").status == VersionStatus.SERVABLE


def test_weights_that_come_back_make_nothing_servable_again(cast, version):
    """tiny@3 has the weights of tiny@1 again: its version may be put there, but tiny@2 stands between them."""
    bases.register_changed(cast.team, bases.other_weights)
    back = bases.register_changed(cast.team, bases.other_template)
    version.refresh_from_db()
    assert (back.number, version.status) == (3, VersionStatus.STALE)
    assert standing(version)[0] == VersionStatus.STALE


def test_when_the_revision_is_deleted_its_versions_are_servable_again(cast, version):
    newer = bases.register_changed(cast.team, bases.other_weights)
    base_model = newer.base_model
    reconsider_versions(base_model)
    version.refresh_from_db()
    assert version.status == VersionStatus.STALE
    newer.delete()
    reconsider_versions(base_model)
    version.refresh_from_db()
    assert (version.status, version.status_reason) == (VersionStatus.SERVABLE, "")


def test_a_retraining_supersedes_the_stale_one_and_its_twin(cast, version, tmp_path):
    AdapterVersion.objects.update(recipe_digest="r" * 64)
    twin = make_version(version.base_revision, tmp_path / "adapter", key="twin")
    AdapterVersion.objects.filter(pk=twin.pk).update(recipe_digest="r" * 64)
    other = make_version(version.base_revision, tmp_path / "adapter", key="other")
    newest = bases.register_changed(cast.team, bases.other_weights)
    again = register_retrained(newest, tmp_path / "adapter", version)
    statuses = dict(AdapterVersion.objects.values_list("pk", "status"))
    assert statuses == {version.pk: "superseded", twin.pk: "superseded", other.pk: "stale", again.pk: "servable"}
    version.refresh_from_db()
    assert version.status_reason == "adder@4 repeats it on tiny@2."
    assert standing(version) == (VersionStatus.SUPERSEDED, version.status_reason)


def register_retrained(base, folder, version):
    from adapters.services.register_version import register_version
    from tests.adapters.makers import make_lineage

    return register_version(
        workspace=base.base_model.workspace,
        adapter_name=version.adapter.name,
        base_revision=base,
        folder=folder,
        lineage=make_lineage(),
        source_key="again",
        created_by=None,
        retrains=version,
        recipe_digest="r" * 64,
    )


@pytest.mark.parametrize("to", list(VersionStatus))
@pytest.mark.parametrize("source", list(VersionStatus))
def test_only_allowed_moves_happen(version, source, to):
    AdapterVersion.objects.filter(pk=version.pk).update(status=source, status_reason="before")
    moved = move_version(version.pk, to, reason="now")
    assert moved == (to in VERSION_MOVES[source])
    version.refresh_from_db()
    assert (version.status, version.status_reason) == ((to, "now") if moved else (source, "before"))


def test_thousands_of_versions_take_as_many_queries_as_one(cast, version):
    newest = bases.register_changed(cast.team, bases.other_weights)
    AdapterVersion.objects.update(status=VersionStatus.SERVABLE)
    few = queries(lambda: mark_versions(newest))
    AdapterVersion.objects.update(status=VersionStatus.SERVABLE)
    adapter = Adapter.objects.create(workspace=cast.team, name="many")
    version.pk, version.adapter = None, adapter
    rows = []
    for number in range(1, 2_001):
        row = AdapterVersion(**{field.attname: getattr(version, field.attname) for field in version._meta.fields})
        row.pk, row.number, row.source_key, row.manifest = None, number, f"many-{number}", {}
        rows.append(row)
    AdapterVersion.objects.bulk_create(rows, batch_size=500)
    assert queries(lambda: mark_versions(newest)) == few <= 4
    assert AdapterVersion.objects.filter(status=VersionStatus.STALE).count() == 2_001


def queries(action):
    with CaptureQueriesContext(
        connection,
    ) as found:
        action()
    return len(found)
