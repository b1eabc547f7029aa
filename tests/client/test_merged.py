"""Merged models from Python and from the command line: ask, wait for the verdict, fetch it whole or not at all.

What a training worker computes is taken from the tiny base here; `tests/journey` has one that really merges.
"""

import hashlib
import os
import subprocess
import threading
from contextlib import contextmanager

import pytest
from django.db import connections

from finetune_app.jobs.states import Phase
from finetune_app.merges.models import MergedModel
from finetune_app.merges.services.keep_merge import keep_merge
from finetune_app.merges.snippets import use_ways
from finetune_app.merges.states import Verdict
from finetune_app.storage import blobs
from finetune_app.work import run_task
from graft import Client, GraftError
from tests.adapters.makers import make_version
from tests.client.fitting import fitting_adapter
from tests.merges.makers import make_merged_model, make_report
from tests.served import CuttingProxy
from tests.tiny import tiny_base

QUICK = 0.01


@pytest.fixture
def adder(base, tmp_path):
    """`adder@1`, which `production` means."""
    version = make_version(base, fitting_adapter(tmp_path / "made"))
    version.adapter.aliases.create(name="production", version=version)
    return version


@contextmanager
def merging(verdict=Verdict.VERIFIED, *, fails="", heard=None):
    """A training worker that takes the next merge, says how far it is until it is `heard`, and keeps its verdict."""
    stop = threading.Event()

    def say(found, done, total, phase):
        run_task.beat(found, done=done, total=total, phase=phase)
        while heard is not None and (f"adder@1: {phase}", done, total) not in heard and not stop.wait(QUICK):
            pass

    def work():
        while not stop.wait(QUICK):
            if (found := run_task.claim_next_task("gpu@test", on_gpu=True)) is None:
                continue
            say(found, 3, 12, Phase.MERGING)
            say(found, 32, 64, Phase.PROVING)
            if fails:
                run_task.fail(found, "merge_unfit", fails)
                continue
            report = make_report(verdict)
            stored = [(path.name, blobs.put_file(path)) for path in sorted(tiny_base().iterdir())]
            keep_merge(
                found,
                files=[{"path": name, "size": blob.size, "sha256": blob.sha256} for name, blob in stored],
                report=report,
                report_sha256=blobs.put_bytes(report.model_dump_json().encode()).sha256,
            )
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_asking_waits_for_the_verdict_and_tells_how_far_it_is(client, adder):
    heard = []
    with merging(heard=heard):
        found = client.merged.merge("adder", dtype="float32", progress=lambda *told: heard.append(told))
    assert (found["reference"], found["state"], found["verdict"]) == ("adder@1/1", "succeeded", "verified")
    assert found["options"]["dtype"] == "float32"
    assert {("adder@1: merging", 3, 12), ("adder@1: proving", 32, 64)} <= set(heard)
    assert client.merged.merge("adder@production", dtype="float32")["number"] == 1
    assert [one["number"] for one in client.merged.list("adder@production")] == [1]


def test_a_rejected_one_is_an_answer_with_a_report(client, adder):
    with merging(Verdict.REJECTED):
        found = client.merged.merge("adder@1")
    assert found["verdict"] == "rejected"
    failed = [gate["name"] for gate in client.merged.report("adder@1", 1)["gates"] if not gate["passed"]]
    assert failed == ["mean_kl", "kl_of_effect"]


def test_a_failure_is_raised_with_its_cause(client, adder):
    with merging(fails="A tensor found no place."), pytest.raises(GraftError) as caught:
        client.merged.merge("adder@1")
    assert (caught.value.code, caught.value.message) == ("merge_unfit", "A tensor found no place.")


def test_what_is_wrong_is_refused_before_anything_is_queued(client, adder):
    with pytest.raises(GraftError) as caught:
        client.merged.merge("adder@1", dtype="int3")
    assert (caught.value.status, caught.value.field) == (422, "options.dtype")
    assert not MergedModel.objects.exists()


def test_the_wait_can_end_before_the_merge(client, adder):
    found = client.merged.merge("adder@1", wait=False)
    assert found["state"] == "queued"
    with pytest.raises(GraftError) as caught:
        client.merged.wait("adder@1", 1, timeout=0)
    assert caught.value.code == "still_waiting"
    client.merged.cancel("adder@1", 1)
    with pytest.raises(GraftError) as caught:
        client.merged.wait("adder@1", 1)
    assert caught.value.code == "cancelled"


def test_a_pull_is_the_newest_verified_one_and_its_sums_confirm_it(client, adder, tmp_path):
    make_merged_model(adder)
    make_merged_model(adder, verdict=Verdict.REJECTED)
    folder = client.merged.pull("adder@production", tmp_path / "here")
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=False)
    assert checked.returncode == 0
    assert (folder / "model.safetensors").read_bytes() == (tiny_base() / "model.safetensors").read_bytes()
    before = (folder / "config.json").stat().st_mtime_ns
    assert client.merged.pull("adder@1", folder, number=1) == folder
    assert (folder / "config.json").stat().st_mtime_ns == before


def test_the_lines_for_curl_bring_all_of_it_and_go_on_where_they_stopped(client, server, adder, people, tmp_path):
    make_merged_model(adder)
    files = client.merged.files("adder@1", 1)["files"]
    [curl] = [way for way in ways_at(server) if way.title == "curl"]
    env = {"GRAFT_TOKEN": people.token(people.viewer), "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-e"], input=curl.lines, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "adder-v1-merged-1"
        for file in files:
            assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])  # as a connection that broke leaves it


def ways_at(server):
    """The lines that the page of the merged model shows."""
    return use_ways(
        root=server,
        repository="team/adder-Merged",
        commit="0" * 40,
        adapter="adder",
        version=1,
        number=1,
        dtype="bfloat16",
        files=f"{server}/api/v1/adapters/adder/versions/1/merged/1/files",
    )


def test_a_rejected_one_comes_only_by_both_numbers(client, adder, tmp_path):
    make_merged_model(adder, verdict=Verdict.REJECTED)
    for reference, number in (("adder", None), ("adder@production", None), ("adder@production", 1)):
        with pytest.raises(GraftError) as caught:
            client.merged.pull(reference, tmp_path / "here", number=number)
        assert (caught.value.status, caught.value.code) == (409, "merge_rejected")
        assert caught.value.details[0]["name"] == "mean_kl"
    assert not (tmp_path / "here").exists()
    assert client.merged.pull("adder@1", tmp_path / "here", number=1).exists()


def test_a_pull_goes_on_where_a_dead_program_stopped(client, adder, server, people, tmp_path, monkeypatch):
    monkeypatch.setattr("graft.fetching.TRIES", 1)
    monkeypatch.setattr("graft.fetching.pause", lambda _number: None)
    merged = make_merged_model(adder)
    [weights] = [file for file in merged.files if file["path"] == "model.safetensors"]
    # The listing comes whole, then connections break in the middle of a file until none is made any more.
    proxy = CuttingProxy(server, [weights["size"] // 8] * 4 + [0] * 40)
    with Client(proxy.address, people.token(people.viewer)) as shaky, pytest.raises(GraftError) as caught:
        shaky.merged.pull("adder@1", tmp_path / "here")
    proxy.close()
    assert caught.value.code == "unreachable"
    assert not (tmp_path / "here").exists()
    [partial] = [path for path in tmp_path.iterdir() if path.name.startswith(".here.")]
    folder = client.merged.pull("adder@1", tmp_path / "here")
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == weights["sha256"]
    assert not partial.exists()


def test_the_command_ends_with_1_when_the_proof_rejects_it(graft, adder):
    with merging():
        said = graft("merge", "adder@production", "--dtype", "float16")
    assert (said.code, said.out) == (0, "adder@1/1 verified\n")
    with merging(Verdict.REJECTED):
        said = graft("merge", "adder", "--dtype", "float32")
    assert (said.code, said.out) == (1, "adder@1/2 rejected\n")
    assert "mean_kl: 0.31, at most 0.01 is asked for" in said.err
    again = graft("merge", "adder", "--dtype", "float32", "--json")
    assert (again.code, again.json["verdict"]) == (1, "rejected")
    with merging(fails="A tensor found no place."):
        said = graft("merge", "adder", "--prompts", 65)
    assert (said.code, said.err) == (1, "Error: A tensor found no place.\n")


def test_the_commands_list_show_pull_and_delete(graft, adder, tmp_path):
    make_merged_model(adder)
    make_merged_model(adder, verdict=Verdict.REJECTED)
    lines = graft("merged", "list", "adder").out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["adder@1/2", "succeeded", "rejected"],
        ["adder@1/1", "succeeded", "verified"],
    ]
    shown = graft("merged", "show", "adder@1", 2).out
    assert "rejected" in shown
    assert ["mean_kl", "0.31", "most", "0.01", "no"] in [line.split() for line in shown.splitlines()]
    assert graft("merged", "show", "adder@1", 2, "--json").json["report"]["verdict"] == "rejected"
    said = graft("merged", "pull", "adder@production", tmp_path / "good", "--json")
    assert said.json == {"reference": "adder@1/1", "verdict": "verified", "path": str(tmp_path / "good")}
    said = graft("merged", "pull", "adder@1", tmp_path / "bad", "--number", 2)
    assert (said.code, said.out) == (0, f"{tmp_path / 'bad'}\n")
    assert "adder@1/2 was rejected by its proof" in said.err
    assert graft("merged", "delete", "adder@1", 2).code == 0
    assert list(MergedModel.objects.values_list("number", flat=True)) == [1]
    assert "Nothing was merged" not in graft("merged", "list", "adder").err


def test_who_may(adder, server, people, base):
    make_merged_model(adder)
    with Client(server, people.token(people.viewer)) as viewer:
        assert viewer.merged.get("adder@1", 1)["verdict"] == "verified"
        for call in (lambda: viewer.merged.merge("adder@1"), lambda: viewer.merged.delete("adder@1", 1)):
            with pytest.raises(GraftError) as caught:
                call()
            assert caught.value.status == 403
    with Client(server, people.token(people.outsider)) as outsider, pytest.raises(GraftError) as caught:
        outsider.merged.files("adder@1")
    assert caught.value.status == 404
