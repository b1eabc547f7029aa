"""Versions beside each other over REST."""

import pytest

from tests.comparison.makers import make_two

URL = "/api/v1/adapters/compare"


@pytest.fixture
def two(tiny_base, tmp_path):
    return make_two(tiny_base, tmp_path)


def test_rest_says_what_differs_and_who_is_best(cast, api, two):
    answer = api(cast.viewer).get(URL, {"v": ["adder@2", "adder@1"]})
    assert answer.status_code == 200
    found = answer.json()
    assert [one["version"] for one in found["versions"]] == ["adder@2", "adder@1"]
    assert [one["rank"] for one in found["versions"]] == [4, 2]
    assert {one["base_model"] for one in found["versions"]} == {"tiny@1"}
    differing = {one["name"]: one["values"] for one in found["options"] if one["differs"]}
    assert differing == {"r": ["4", "2"], "learning_rate": ["0.001", "0.0002"]}
    scores = {one["measure"]: one for one in found["scores"]}
    assert scores["loss"]["values"] == [0.05, 0.081]
    assert scores["loss"]["best"] == [0]
    assert scores["exact_match"]["best"] == []
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("named", "code", "field"),
    [
        (["adder@1"], "versions_to_compare", "v"),
        (["adder@1", "adder@9"], "invalid_fields", "v[1]"),
        (["adder@1"] * 2, "invalid_fields", "v[1]"),
        ([f"adder@{number}" for number in range(9)], "versions_to_compare", "v"),
    ],
)
@pytest.mark.parametrize("path", ["", "/curves", "/deltas"])
def test_a_wrong_choice_is_refused_with_its_field(cast, api, two, path, named, code, field):
    answer = api(cast.viewer).get(URL + path, {"v": named})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)


def test_an_adapter_cannot_be_called_like_the_address(cast, api, two):
    assert api(cast.viewer).get(URL).status_code == 422  # and not the adapter “compare”
