"""Versions of all adapters are found by what is known of them, on the page and over REST alike."""

from datetime import UTC, datetime

import pytest

from adapters.models import AdapterVersion
from adapters.services.describe_version import add_tag, set_notes
from adapters.services.move_alias import move_alias
from adapters.states import VersionStatus
from tests.adapters.makers import make_version
from tests.pages import words
from tests.tiny_base import register_tiny_base

PAGE, REST = "/w/team/adapters/versions", "/api/v1/adapters/versions"


def scores(**tuned: float) -> dict[str, object]:
    return {"rows": 3, "base": {}, "tuned": tuned, "samples": []}


@pytest.fixture
def registry(cast, tiny_base, tmp_path):
    """Five versions that differ in whatever a list can be narrowed by."""
    editor = cast.access(cast.editor)
    other = register_tiny_base(cast.team, name="other", seed=1)

    def make(name, key, *, base=tiny_base, user=cast.editor, **lineage):
        return make_version(base, tmp_path / "a", name=name, key=key, user=user, **lineage)

    one = make("sums", "1", scores=scores(exact_match=0.9))
    two = make("sums", "2", scores=scores(exact_match=0.5), dataset_version=3)
    three = make("mail", "3", base=other, user=cast.owner, scores=scores(loss=0.2), config={"method": "dpo"})
    four = make("mail", "4", base=other, scores=scores(loss=0.1), dataset="letters")
    five = make("old", "5", scores=None)
    move_alias(editor, two, "production")
    move_alias(editor, four, "production")
    add_tag(editor, three, "team:support")
    set_notes(editor, one, "Learned the long division.")
    AdapterVersion.objects.filter(pk=five.pk).update(status=VersionStatus.RETIRED)
    AdapterVersion.objects.filter(pk=one.pk).update(created_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    AdapterVersion.objects.filter(pk=two.pk).update(status=VersionStatus.STALE)


CASES = [
    ("", "mail@2 mail@1 sums@2 sums@1"),
    ("order=oldest", "sums@1 sums@2 mail@1 mail@2"),
    ("q=SUM", "sums@2 sums@1"),
    ("q=long+sums", "sums@1"),
    ("q=support", "mail@1"),
    ("adapter=mail", "mail@2 mail@1"),
    ("base=tiny", "sums@2 sums@1"),
    ("base=other@1", "mail@2 mail@1"),
    ("base=other@2", ""),
    ("dataset=sums", "mail@1 sums@2 sums@1"),
    ("dataset=sums@3", "sums@2"),
    ("metric=exact_match&order=worst", "sums@2 sums@1"),
    ("metric=exact_match&order=best", "sums@1 sums@2"),
    ("metric=loss&order=best", "mail@2 mail@1"),
    ("metric=exact_match&min_score=0.6", "sums@1"),
    ("metric=loss&max_score=0.1", "mail@2"),
    ("method=DPO", "mail@1"),
    ("owner=owner", "mail@1"),
    ("owner=outsider", ""),
    ("alias=production", "mail@2 sums@2"),
    ("tag=team:support", "mail@1"),
    ("status=stale", "sums@2"),
    ("status=retired", "old@1"),
    ("status=any&q=old", "old@1"),
    ("origin=imported", ""),
    ("made_to=2026-01-31", "sums@1"),
    ("made_from=2026-02-01&adapter=sums", "sums@2"),
    ("alias=production&base=tiny&status=stale", "sums@2"),
]


@pytest.mark.usefixtures("registry")
def test_each_filter_finds_the_same_on_the_page_and_over_rest(cast, client_for, api):
    viewer, rest = client_for(cast.viewer), api(cast.viewer)
    for query, expected in CASES:
        items = rest.get(f"{REST}?{query}").json()["items"]
        assert " ".join(item["reference"] for item in items) == expected, query
        html = viewer.get(f"{PAGE}?{query}", headers={"hx-request": "true"}).content.decode()
        shown = [part.split('"')[0] for part in html.split('name="v"')[1:] for part in part.split('value="')[1:2]]
        assert " ".join(shown) == expected, query


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("min_score=0.5", "metric", "Choose the measure that the score is of."),
        ("order=best", "metric", "Choose the measure to order by."),
        ("base=a@b", "base", "is neither a name nor name@number"),
        ("made_from=yesterday", "made_from", "valid date"),
        ("made_from=2026-02-01&made_to=2026-01-01", "made_to", "comes before the first"),
        ("status=lost", "status", ""),
        ("metric=loss&max_score=nan", "max_score", "finite number"),
    ],
)
def test_what_a_filter_cannot_mean_is_said(cast, client_for, api, query, field, sentence):
    page = client_for(cast.viewer).get(f"{PAGE}?{query}")
    assert page.status_code == 422
    assert sentence in words(page.content.decode())
    assert "is-invalid" in page.content.decode()
    assert api(cast.viewer).get(f"{REST}?{query}").status_code == 422


@pytest.mark.usefixtures("registry")
def test_rest_says_what_is_known_of_a_version(cast, api):
    one = api(cast.viewer).get(f"{REST}?tag=team:support").json()["items"][0]
    assert (one["base_model"], one["method"], one["score_name"], one["score"]) == ("other@1", "dpo", "loss", 0.2)
    assert (one["created_by"], one["tags"], one["aliases"], one["origin"]) == ("owner", ["team:support"], [], "trained")


@pytest.mark.usefixtures("registry")
def test_pages_follow_each_other_without_a_count(cast, api):
    client = api(cast.viewer)
    first = client.get(f"{REST}?limit=3").json()
    assert (len(first["items"]), first["next_offset"]) == (3, 3)
    last = client.get(f"{REST}?limit=3&offset=3").json()
    assert ([item["reference"] for item in last["items"]], last["next_offset"]) == (["sums@1"], None)
    assert client.get(f"{REST}?offset=10001").status_code == 422


@pytest.mark.usefixtures("registry")
def test_the_address_keeps_only_what_narrows(cast, client_for):
    query = {"q": "", "base": "tiny", "status": "", "order": "newest", "tag": " "}
    answer = client_for(cast.viewer).get(PAGE, query, headers={"hx-request": "true"})
    assert answer["HX-Push-Url"] == f"{PAGE}?base=tiny"
    assert answer.content.decode().strip().startswith("<form")
    page = client_for(cast.viewer).get(f"{PAGE}?base=tiny").content.decode()
    assert 'value="tiny"' in page
    assert 'action="/w/team/compare/"' in page


def test_empty_lists_say_what_to_do(cast, client_for):
    assert 'href="/w/team/jobs/new"' in client_for(cast.editor).get(PAGE).content.decode()
    assert 'href="/w/team/jobs/new"' not in client_for(cast.viewer).get(PAGE).content.decode()
    assert "Widen a filter" in words(client_for(cast.viewer).get(f"{PAGE}?q=nothing").content.decode())


@pytest.mark.usefixtures("registry")
def test_an_outsider_finds_nothing(cast, client_for, api):
    assert client_for(cast.outsider).get(PAGE).status_code == 404
    assert api(cast.outsider).get(f"{REST}?status=any").json() == {"items": [], "next_offset": None}


@pytest.mark.parametrize("many", [1, 4])
def test_finding_costs_the_same_however_much_is_found(
    cast, client_for, api, tiny_base, tmp_path, django_assert_num_queries, many
):
    editor = cast.access(cast.editor)
    for index in range(many):
        version = make_version(tiny_base, tmp_path / "a", name=f"a{index}", key=f"{index}", user=cast.editor)
        move_alias(editor, version, "production")
        add_tag(editor, version, "good")
    query = "?q=a&base=tiny&dataset=sums&owner=editor&alias=production&tag=good&metric=exact_match&order=best"
    viewer, rest = client_for(cast.viewer), api(cast.viewer)
    rest.get(REST)  # notes the token's use, once a minute
    with django_assert_num_queries(2 + 4):  # token, member; ids, rows, aliases, tags
        assert len(rest.get(f"{REST}{query}").json()["items"]) == many
    viewer.get(PAGE)
    with django_assert_num_queries(3 + 4 + 2):  # session, user, member; the same; base models, members
        viewer.get(f"{PAGE}{query}")


@pytest.mark.parametrize(
    ("asked", "field"), [("status=lost", "status"), ("limit=none", "limit"), ("min_score=x", "min_score")]
)
def test_rest_names_the_filter_that_is_wrong(cast, asked, field):
    answer = cast.api(cast.viewer).get(f"{REST}?{asked}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_fields", field)
