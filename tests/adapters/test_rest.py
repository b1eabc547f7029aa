"""Base models and adapters over REST: lists, details, and the addresses that they give."""

import hashlib

import pytest

from tests.adapters.makers import make_version
from tests.tiny_base import register_tiny_base


@pytest.mark.usefixtures("version")
def test_base_models_are_listed_by_their_newest_revision(cast, api, tiny_base):
    register_tiny_base(cast.team, seed=1)
    register_tiny_base(cast.team, name="another")
    answer = api(cast.viewer).get("/api/v1/base-models").json()
    assert answer["count"] == 2
    assert [(item["name"], item["newest"]["reference"], item["adapter_versions"]) for item in answer["items"]] == [
        ("another", "another@1", 0),
        ("tiny", "tiny@2", 1),
    ]
    newest = answer["items"][1]["newest"]
    assert newest["linear_modules"][:2] == ["q_proj", "v_proj"]
    assert newest["size"] == sum(file["size"] for file in tiny_base.files)


def test_a_base_model_shows_its_revisions_with_their_digests(cast, api, tiny_base):
    second = register_tiny_base(cast.team, seed=1)
    answer = api(cast.viewer).get("/api/v1/base-models/tiny").json()
    assert [item["weights_root"] for item in answer["revisions"]] == [second.weights_root, tiny_base.weights_root]


@pytest.mark.usefixtures("version")
def test_adapters_are_listed_by_their_newest_version(cast, api, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "2", key="job-2", scores=None)
    make_version(tiny_base, tmp_path / "3", key="job-3", name="Zebra".lower())
    answer = api(cast.viewer).get("/api/v1/adapters").json()
    assert answer["count"] == 2
    adder, zebra = answer["items"]
    assert (adder["name"], adder["newest"]["version"], adder["newest"]["scores"]) == ("adder", 2, None)
    assert (zebra["newest"]["base_model"], zebra["newest"]["dataset"], zebra["newest"]["job"]) == (
        "tiny@1",
        "sums@2",
        7,
    )
    tuned = {"exact_match": 0.9666, "token_accuracy": 0.99, "loss": 0.081, "pair_accuracy": None}
    assert zebra["newest"]["scores"]["tuned"] == tuned
    assert [item["name"] for item in api(cast.viewer).get("/api/v1/adapters?q=ZEB").json()["items"]] == ["zebra"]


def test_lists_come_in_pages(cast, api, tiny_base, tmp_path):
    for index in range(3):
        make_version(tiny_base, tmp_path / "adapter", key=f"job-{index}", name=f"a{index}")
    answer = api(cast.viewer).get("/api/v1/adapters?limit=1&offset=1").json()
    assert (answer["count"], [item["name"] for item in answer["items"]]) == (3, ["a1"])
    assert api(cast.viewer).get("/api/v1/adapters?limit=500").status_code == 422


@pytest.mark.parametrize("adapters", [1, 5])
def test_a_list_costs_the_same_however_long_it_is(api, tiny_base, tmp_path, django_assert_num_queries, adapters):
    workspace = tiny_base.base_model.workspace
    for index in range(adapters):
        make_version(tiny_base, tmp_path / "adapter", key=f"job-{index}", name=f"a{index}")
        register_tiny_base(workspace, name=f"b{index}")
    client = api(workspace.members.get(username="viewer"))
    client.get("/api/v1/adapters")  # notes the token's use, once a minute
    with django_assert_num_queries(8):  # token, member, adapters, versions, their aliases and tags, all aliases, count
        client.get("/api/v1/adapters")
    with django_assert_num_queries(6):  # token, member, base models, revisions, adapters on them, count
        client.get("/api/v1/base-models")


@pytest.mark.usefixtures("version")
def test_an_adapter_shows_its_versions(cast, api, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "2", key="job-2")
    answer = api(cast.viewer).get("/api/v1/adapters/adder").json()
    assert [item["version"] for item in answer["versions"]] == [2, 1]
    assert api(cast.viewer).get(answer["versions"][1]["url"]).json()["version"] == 1


def test_a_version_shows_its_manifest_and_where_every_file_is(cast, api, version, downloads_for):
    answer = api(cast.viewer).get("/api/v1/adapters/adder/versions/1").json()
    assert answer["manifest"] == version.manifest
    assert answer["created_by"] == "editor"
    assert [file["path"] for file in answer["files"]][-2:] == ["manifest.json", "SHA256SUMS"]
    client = downloads_for(cast.viewer)
    for file in [*answer["files"], answer["archive"]]:
        body = client.get(file["url"]).body
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (file["sha256"], file["size"])


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("base-models/tiny", "base_model_not_found"),
        ("adapters/adder", "adapter_not_found"),
        ("adapters/adder/versions/1", "adapter_version_not_found"),
    ],
)
def test_an_outsider_is_told_that_there_is_no_such_thing(cast, api, path, code):
    assert api(cast.viewer).get(f"/api/v1/{path}").status_code == 200
    answer = api(cast.outsider).get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert api(cast.outsider).get("/api/v1/adapters").json() == {"items": [], "count": 0}
    assert api(cast.outsider).get("/api/v1/base-models").json() == {"items": [], "count": 0}


def test_the_schema_describes_the_downloads(cast, api):
    paths = api(cast.viewer).get("/api/v1/openapi.json").json()["paths"]
    download = paths["/api/v1/adapters/{name}/versions/{number}/download"]
    assert list(download) == ["get"]
    assert {"200", "206", "304", "416"} <= download["get"]["responses"].keys()
    assert "application/zip" in download["get"]["responses"]["200"]["content"]
