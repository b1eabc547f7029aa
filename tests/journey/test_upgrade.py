"""A base model is upgraded: its adapter is stale and refused on the new revision, retrained by one click, superseded."""

import pytest

from tests.journey.fixtures import QUICK, wait_for
from tests.tiny import make_tiny_base

pytestmark = pytest.mark.journey
UPGRADE = "/base-models/line/revisions/2/upgrade"


def test_an_upgrade_from_the_new_revision_to_what_takes_the_place_of_the_old_adapter(stack, rest, tmp_path):
    make_tiny_base(tmp_path / "first", seed=11)
    stack.manage("register_base", "line", str(tmp_path / "first"))
    order = {"adapter": "moved", "dataset": "support", "base_model": "line", "config": QUICK}
    assert wait_for(rest, rest.post("/jobs", json=order).json()["number"])["adapter_version"]["version"] == 1
    alias = rest.put("/adapters/moved/aliases/production", json={"version": 1})
    assert alias.status_code == 200, alias.text

    make_tiny_base(tmp_path / "second", seed=12)
    stack.manage("register_base", "line", str(tmp_path / "second"))
    found = rest.get(UPGRADE).json()
    assert found["change"] == "weights"
    assert [(item["alias"], item["effect"]) for item in found["aliases"]] == [("moved@production", "stale")]
    row = next(row for row in found["retrainings"] if row["version"] == "moved@1")
    assert (row["status"], row["state"], row["problem"]) == ("stale", "not_asked", None)

    refused = rest.post("/jobs", json=order | {"base_model": "line@2", "continues": "moved@production"})
    assert (refused.status_code, refused.json()["code"]) == (422, "adapter_of_other_base")
    assert "line@2 differs from it in its weights" in refused.json()["message"]
    download = rest.get("/adapters/moved/versions/1/download", follow_redirects=True)
    assert download.status_code == 200

    asked = rest.post(f"{UPGRADE}/retrain", json={"versions": ["moved@production"]}).json()["items"][0]
    again = rest.post(f"{UPGRADE}/retrain", json={"versions": ["moved@1"]}).json()["items"][0]
    assert (asked["is_new"], again["is_new"], again["job"]) == (True, False, asked["job"])
    job = wait_for(rest, asked["job"])
    assert (job["state"], job["base_model"], job["retrains"]) == ("succeeded", "line@2", "moved@1")
    row = next(row for row in rest.get(UPGRADE).json()["retrainings"] if row["version"] == "moved@1")
    assert (row["status"], row["state"], row["retrained_as"]) == ("superseded", "done", "moved@2")
    lineage = rest.get("/adapters/moved/versions/2").json()["manifest"]["lineage"]
    assert (lineage["retrains"]["adapter"], lineage["retrains"]["version"]) == ("moved", 1)
