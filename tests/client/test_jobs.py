"""Jobs are queued, listed and stopped; what is wrong with one is told in the server's words."""

import json

import pytest

from graft import GraftError
from graft.cli.event_text import event_text
from graft.events import parse_events
from graft.transport import lines_of
from tests.datasets.makers import chat, jsonl

JOB = {"adapter": "triage", "dataset": "support", "base_model": "tiny", "config": {"r": 4, "max_steps": 3}}


@pytest.fixture
def ready(people, base, client):
    """A base model and a dataset."""
    import httpx

    sent = client._transport.http.post(
        "/datasets",
        data={"name": "support"},
        files={"file": ("rows.jsonl", jsonl(*(chat(f"{n}?") for n in range(20))))},
    )
    assert sent.status_code == httpx.codes.CREATED, sent.text


def test_a_job_is_queued_listed_and_cancelled(client, ready):
    job = client.jobs.submit(JOB)
    assert (job["number"], job["state"], job["config"]["r"]) == (1, "queued", 4)
    assert [one["number"] for one in client.jobs.list(state="queued", adapter="triage")] == [1]
    assert client.jobs.list(state="running") == []
    assert client.jobs.cancel(1)["state"] == "cancelled"
    assert client.jobs.wait(1)["state"] == "cancelled"


def test_a_job_that_another_gave_as_yaml_is_queued_again(client, ready, tmp_path):
    client.jobs.submit(JOB)
    path = tmp_path / "job.yaml"
    path.write_bytes(client._transport.ask("GET", "/jobs/1/config.yaml").content)
    again = client.jobs.submit(path)
    assert (again["number"], again["config"]) == (2, client.jobs.get(1)["config"])


def test_what_is_wrong_is_named(client, ready, tmp_path):
    with pytest.raises(GraftError) as caught:
        client.jobs.submit(JOB | {"config": {"r": 0}})
    assert caught.value.field == "config.r"
    with pytest.raises(GraftError) as caught:
        client.jobs.submit(tmp_path / "missing.yaml")
    assert caught.value.code == "no_such_file"
    with pytest.raises(GraftError) as caught:
        client.jobs.get(99)
    assert caught.value.code == "job_not_found"


def test_more_jobs_than_a_page_holds_are_all_listed(client, ready, monkeypatch):
    monkeypatch.setattr("graft.transport.AT_ONCE", 2)
    for _ in range(5):
        client.jobs.submit(JOB)
    assert [job["number"] for job in client.jobs.list()] == [5, 4, 3, 2, 1]
    assert [job["number"] for job in client.jobs.list(limit=3)] == [5, 4, 3]


def test_the_command_queues_a_file_with_changes(graft, ready, tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("adapter: triage\ndataset: support\nbase_model: tiny\nconfig: {r: 4}\n")
    assert graft("jobs", "submit", path).out == "1\n"
    changed = graft(
        "jobs", "submit", path, "--adapter", "other", "--set", "r=8", "--set", "learning_rate=1e-4", "--json"
    )
    assert (changed.json["adapter"], changed.json["config"]["r"], changed.json["config"]["learning_rate"]) == (
        "other",
        8,
        1e-4,
    )
    alone = graft("jobs", "submit", "--adapter", "bare", "--dataset", "support", "--base", "tiny")
    assert alone.out == "3\n"
    listed = graft("jobs", "list").out.splitlines()
    assert listed[1].split()[:3] == ["3", "queued", "bare"]
    assert graft("jobs", "cancel", 3).out == "job 3: cancelled\n"
    assert graft("jobs", "list", "--state", "cancelled", "--json").json[0]["number"] == 3


def test_the_command_says_what_is_wrong_and_where(graft, ready, tmp_path):
    said = graft("jobs", "submit", "--adapter", "a", "--dataset", "support", "--base", "tiny", "--set", "r=0")
    assert (said.code, said.out) == (1, "")
    assert "config.r" in said.err
    assert graft("jobs", "submit").code == 2
    assert graft("jobs", "submit", "--adapter", "a", "--set", "r").code == 2
    said = graft("jobs", "get-me-one")
    assert (said.code, said.out) == (2, "")
    problem = graft("jobs", "cancel", 99, "--json")
    assert (problem.code, problem.out, json.loads(problem.err)["code"]) == (1, "", "job_not_found")


def test_watching_a_cancelled_job_ends_with_a_failure(graft, ready):
    graft("jobs", "submit", "--adapter", "a", "--dataset", "support", "--base", "tiny")
    graft("jobs", "cancel", 1)
    said = graft("jobs", "watch", 1)
    assert said.code == 1
    assert "job 1 cancelled" in said.err


def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(graft, ready, monkeypatch):
    graft("jobs", "submit", "--adapter", "a", "--dataset", "support", "--base", "tiny")

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("graft.cli.jobs.show", interrupted)
    said = graft("jobs", "watch", 1)
    assert (said.code, said.out) == (130, "")
    assert "graft jobs watch 1" in said.err
    assert "graft jobs cancel 1" in said.err
    assert graft("jobs", "list", "--json").json[0]["state"] == "queued"


def test_events_are_read_as_the_standard_says():
    lines = [
        "retry: 2000", "", ": keep-alive", "", "id: 1:1", "event: log", 'data: {"a":', "data: 1}", "",
        "event:end", "data:{}", "", "id: 1:2", "event: log", "data: broken off",
    ]  # fmt: skip
    assert list(parse_events(lines)) == [("1:1", "log", '{"a":\n1}'), ("", "end", "{}")]


def test_only_a_newline_ends_a_line_wherever_the_pieces_are_cut():
    text = 'data: {"answer": "a\u2028b\x0b\x85ü"}\r\n\nlast'
    content = text.encode()
    for size in (1, 2, 3, 7, len(content)):
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        assert list(lines_of(pieces)) == ['data: {"answer": "a\u2028b\x0b\x85ü"}', "", "last"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"type": "log", "level": "warning", "text": "hot"}, "warning: hot"),
        ({"type": "phase", "phase": "training", "done": 1, "total": 2}, "training: 1 of 2"),
        ({"type": "phase", "phase": "loading", "done": 0, "total": 0}, "loading…"),
        ({"type": "step", "step": 3, "total_steps": 9, "loss": None}, "step 3/9  loss not finite"),
        ({"type": "error", "code": "out_of_memory", "detail": ""}, "error: out_of_memory"),
        ({"type": "of a later server"}, "of a later server"),
        ({"type": "log", "level": "info", "text": "\x1b[2J\x07gone?"}, "\ufffd[2J\ufffdgone?"),
    ],
)
def test_events_in_words(event, text):
    assert event_text(event) == text
