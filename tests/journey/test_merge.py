"""A trained adapter becomes a proven merged model: asked for over REST, made by the training worker."""

import pytest

pytestmark = pytest.mark.journey
ONE = "/adapters/folded/versions/1/merged/1"


def test_a_trained_adapter_becomes_a_verified_merged_model(merged, rest):
    assert (merged["state"], merged["error"]) == ("succeeded", None)
    report = rest.get(f"{ONE}/report").json()
    assert [gate for gate in report["gates"] if not gate["passed"]] == []
    assert merged["verdict"] == "verified"
    assert merged["dataset"] == "support@1"
    assert {prompt["source"] for prompt in report["prompts"]} >= {"held_out", "rows"}


def test_the_report_says_which_way_is_closer_to_the_trained_behaviour(merged, rest):
    report = rest.get(f"{ONE}/report").json()
    assert {way["onto"] for way in report["ways"]} == {"original", "quantized"}
    closest = min(report["ways"], key=lambda way: way["kl"])
    assert report["closest"] == closest["onto"] == "quantized"  # in float32 nothing else is left between them


def test_asking_again_gives_the_same_one(merged, rest):
    again = rest.post("/adapters/folded/versions/1/merged", json={"options": {"dtype": "float32"}}).json()
    assert again == merged
