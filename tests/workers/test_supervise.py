"""However a child behaves, the supervisor relays its lines, knows how it ended, and leaves no process behind."""

import threading
import time

import psutil
import pytest
from django.db import connection

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.models import Attempt
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.pause_job import pause_job
from finetune_app.jobs.services.read_records import read_records
from finetune_app.jobs.services.record_events import AttemptOver
from finetune_app.jobs.states import AttemptState
from tests.cast import make_cast
from tests.jobs.makers import make_job
from tests.tiny_base import register_tiny_base
from workers import pulse as pulse_module
from workers import start_program
from workers.pulse import Stop, attempt_pulse
from workers.relay import Relay
from workers.supervise import Outcome, run_child
from workers.warm.start import WarmParent

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAMS = ("crashing", "failing", "flood", "good", "killed", "lying", "obedient", "stubborn")


@pytest.fixture(autouse=True, params=["new interpreter", "fork of the warm process"])
def way_of_starting(request, monkeypatch):
    """Whichever way a child is started, all of this holds."""
    if request.param == "new interpreter":
        yield
        return
    modules = frozenset(f"tests.workers.programs.{name}" for name in PROGRAMS)
    parent = WarmParent(modules, "tests.workers.programs.light_preload")
    monkeypatch.setattr(start_program, "warm_parent", parent)
    parent.warm_up()
    assert parent.is_ready(30)
    yield
    assert parent.is_ready()
    parent.close()


@pytest.fixture
def attempt(transactional_db):
    cast = make_cast()
    make_job(cast.access(cast.editor), register_tiny_base(cast.team))
    attempt = claim_next_job("w")
    attempt.cast = cast
    return attempt


def run(attempt, program, tmp_path) -> Outcome:
    with attempt_pulse(attempt) as pulse:
        return run_child(f"tests.workers.programs.{program}", tmp_path, Relay(attempt), pulse)


def texts(attempt) -> list[str]:
    return [record.event.text for record in read_records(attempt.job) if record.event.type == "log"]


def later(seconds, act, *arguments):
    """Do it in a thread, as another process would; its database connection ends with it."""

    def do():
        act(*arguments)
        connection.close()

    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def test_a_good_child_is_done_and_all_its_lines_are_kept(attempt, tmp_path):
    outcome = run(attempt, "good", tmp_path)
    assert outcome.done.facts == {"steps": 3}
    assert {"hello", "a library's own print", "to stderr — ü"} <= set(texts(attempt))


@pytest.mark.parametrize(
    ("program", "cause"),
    [("crashing", Cause.CRASHED), ("killed", Cause.KILLED), ("lying", Cause.CRASHED), ("failing", Cause.ZERO_GRADIENT)],
)
def test_a_child_that_ends_badly_has_a_cause(attempt, tmp_path, program, cause):
    outcome = run(attempt, program, tmp_path)
    assert outcome.error.code == cause
    assert outcome.done is None


def test_a_traceback_is_in_the_log(attempt, tmp_path):
    run(attempt, "crashing", tmp_path)
    assert "RuntimeError: boom" in texts(attempt)


def test_a_flood_of_lines_loses_none_and_cuts_the_endless_one(attempt, tmp_path):
    run(attempt, "flood", tmp_path)
    lines = texts(attempt)
    for pipe in ("out", "err"):
        assert [line for line in lines if line.startswith(pipe)] == [f"{pipe} {index}" for index in range(3000)]
    assert max(map(len, lines)) == 20_000


def test_a_cancelled_child_is_stopped(attempt, tmp_path):
    access = attempt.cast.access(attempt.cast.editor)
    timer = later(1.5, cancel_job, access, attempt.job)
    start = time.monotonic()
    outcome = run(attempt, "obedient", tmp_path)
    timer.join()
    assert outcome.stopped == Stop.CANCEL
    assert time.monotonic() - start < 20


def test_a_child_that_is_to_pause_has_time_for_it_until_somebody_is_in_a_hurry(attempt, tmp_path, monkeypatch):
    monkeypatch.setattr("workers.supervise.GRACE_SECONDS", 1.0)
    access = attempt.cast.access(attempt.cast.editor)
    timers = [later(1.5, pause_job, access, attempt.job), later(7.5, cancel_job, access, attempt.job)]
    start = time.monotonic()
    outcome = run(attempt, "stubborn", tmp_path)
    for timer in timers:
        timer.join()
    assert outcome.stopped == Stop.PAUSE
    assert 7.5 < time.monotonic() - start < 30


def test_a_child_that_does_not_listen_is_killed_with_its_own_children(attempt, tmp_path, monkeypatch):
    monkeypatch.setattr("workers.supervise.GRACE_SECONDS", 1.0)
    monkeypatch.setattr(pulse_module, "shutting_down", threading.Event())
    timer = later(2.5, pulse_module.shutting_down.set)
    outcome = run(attempt, "stubborn", tmp_path)
    timer.join()
    assert outcome.stopped == Stop.SHUTDOWN
    grandchild = int(next(text for text in texts(attempt) if text.startswith("pid "))[4:])
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


def test_a_child_whose_attempt_was_given_away_is_killed(attempt, tmp_path):
    def give_away():
        end_attempt.requeue(Attempt.objects.get(pk=attempt.pk), AttemptState.LOST, "lost")

    timer = later(1.5, give_away)
    with pytest.raises(AttemptOver):
        run(attempt, "obedient", tmp_path)
    timer.join()
