"""The page “Compare versions”: how versions are chosen, and what a person learns of how they differ."""

import pytest
from django.urls import reverse

from adapters.models import AdapterVersion, Alias
from tests.adapters.makers import make_version
from tests.comparison.makers import make_two
from tests.pages import words
from tests.tiny_base import register_tiny_base

PAGE = "/w/team/compare/"
TWO = {"v": ["adder@1", "adder@2"]}


@pytest.fixture
def two(tiny_base, tmp_path):
    return make_two(tiny_base, tmp_path)


def test_without_a_choice_the_page_says_how_to_choose(cast, client_for, two):
    html = client_for(cast.viewer).get(PAGE).content.decode()
    assert "Name 2 to 8 versions" in words(html)
    assert html.count('name="v"') == 2
    assert '<option value="adder@2">' in html


def test_one_version_alone_asks_for_another(cast, client_for, two):
    answer = client_for(cast.viewer).get(PAGE, {"v": ["adder@1", "  "]})
    assert answer.status_code == 200
    text = words(answer.content.decode())
    assert "adder@1 is chosen; name at least one more" in text
    assert 'value="adder@1"' in answer.content.decode()


@pytest.mark.parametrize(
    ("wrong", "words_of_it"),
    [
        ("adder@7", "There is no adapter version “adder@7” in this workspace."),
        ("adder@!", "“adder@!” is neither a name nor name@number nor name@alias."),
        ("adder", "This is adder@2, which is chosen already."),
    ],
)
def test_a_wrong_version_is_said_beside_its_field(cast, client_for, two, wrong, words_of_it):
    answer = client_for(cast.viewer).get(PAGE, {"v": ["adder@2", wrong]})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert words_of_it in html
    assert 'aria-describedby="compare-help compare-error-2"' in html


def test_nine_versions_are_too_many(cast, client_for, two):
    answer = client_for(cast.viewer).get(PAGE, {"v": [f"adder@{number}" for number in range(9)]})
    assert answer.status_code == 422
    assert "9 versions are too many" in answer.content.decode()


def test_only_options_that_differ_are_shown_and_all_on_demand(cast, client_for, two):
    viewer = client_for(cast.viewer)
    html = viewer.get(PAGE, TWO).content.decode()
    assert "<code>learning_rate</code>" in html
    assert "<code>target_modules</code>" not in html
    assert "<code>target_modules</code>" in viewer.get(PAGE, TWO | {"all": "1"}).content.decode()


def test_an_alias_and_a_name_mean_versions(cast, client_for, two):
    Alias.objects.create(adapter=two[0].adapter, name="production", version=two[0])
    html = client_for(cast.viewer).get(PAGE, {"v": ["adder@production", "adder"]}).content.decode()
    assert "/adapters/adder/v/1/" in html
    assert "/adapters/adder/v/2/" in html
    assert "v=adder@1&amp;v=adder@2" in html  # what is loaded later stays with these versions
    assert '<span class="badge bg-blue-lt">production</span>' in html


def test_the_best_of_each_measure_is_marked(cast, client_for, two):
    text = words(client_for(cast.viewer).get(PAGE, TWO).content.decode())
    assert "99.5 % best" in text
    assert "0.050 best" in text
    assert "0.081 best" not in text
    assert "96.7 % best" not in text  # both are the same
    assert "adder v1" in text


def test_other_bases_are_warned_of_by_what_differs(cast, client_for, two, tmp_path):
    newer = register_tiny_base(cast.team, seed=1)
    make_version(newer, tmp_path / "3", key="job-3")
    text = words(client_for(cast.viewer).get(PAGE, {"v": ["adder@1", "adder@3"]}).content.decode())
    assert "They belong to different bases (tiny@1, tiny@2): these differ in weights." in text
    assert "different bases" not in words(client_for(cast.viewer).get(PAGE, TWO).content.decode())


def test_scores_of_other_rows_are_warned_of(cast, client_for, two, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "3", key="job-3", dataset_sha256="0" * 64)
    text = words(client_for(cast.viewer).get(PAGE, {"v": ["adder@1", "adder@3"]}).content.decode())
    assert "not scored on the same held-out rows" in text


def test_versions_without_scores_and_config_have_a_whole_page(cast, client_for, tiny_base, tmp_path):
    for number in (1, 2):
        make_version(tiny_base, tmp_path / str(number), key=f"job-{number}", scores=None, config={}, job=None)
    text = words(client_for(cast.viewer).get(PAGE, TWO).content.decode())
    assert "None of them was scored" in text


def test_nobody_else_finds_them(cast, client_for, two):
    outsider = client_for(cast.outsider)
    assert outsider.get(PAGE, TWO).status_code == 404
    elsewhere = outsider.get(PAGE.replace("team", "elsewhere"), TWO)
    assert elsewhere.status_code == 422
    assert "There is no adapter version “adder@1”" in elsewhere.content.decode()
    for part in ("curves", "deltas"):
        assert outsider.get(f"/w/elsewhere/compare/{part}", TWO).status_code == 422


def test_the_page_costs_the_same_for_two_and_for_three(
    cast, client_for, two, tiny_base, tmp_path, django_assert_num_queries
):
    make_version(tiny_base, tmp_path / "3", key="job-3")
    viewer = client_for(cast.viewer)
    for names in (["adder@1", "adder@2"], ["adder@1", "adder@2", "adder@3"]):
        with django_assert_num_queries(3 + len(names) + 2):  # session, user, membership; each version; hints, aliases
            viewer.get(reverse("comparison:versions", kwargs={"workspace": "team"}), {"v": names})
    assert AdapterVersion.objects.count() == 3
