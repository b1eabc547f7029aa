"""One attempt from claim to end: prepare, train, score, register.

Whatever happens, the attempt is ended with a cause.
"""

import logging
import shutil
from pathlib import Path

from django.conf import settings

from adapters.manifest import Ancestor, Lineage
from adapters.models import AdapterVersion
from adapters.services.register_version import register_version
from finetune_app.datasets.import_source import sources_in
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import DoneEvent, ErrorEvent, LogEvent, PhaseEvent
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.record_events import AttemptOver
from finetune_app.jobs.states import AttemptState, Phase
from finetune_app.storage import blobs
from workers.base_guard import BaseGuard
from workers.child import cause_of
from workers.keeper import Keeper
from workers.prepare_run import BaseDamaged, cached_base, forget_base, prepare_run
from workers.pulse import Pulse, Stop, attempt_pulse
from workers.relay import Relay
from workers.spec import ADAPTER_FOLDER
from workers.supervise import Outcome, run_child

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """A child was stopped on purpose."""

    def __init__(self, why: Stop) -> None:
        super().__init__(why.value)
        self.why = why


class _Failed(Exception):
    """A child gave up, with its cause."""

    def __init__(self, error: ErrorEvent) -> None:
        super().__init__(error.code.value)
        self.error = error


def run_attempt(attempt: Attempt) -> None:
    """Carry the attempt through and end it."""
    relay = Relay(attempt)
    run_folder: Path = settings.WORK_FOLDER / "runs" / f"job-{attempt.job_id}-attempt-{attempt.number}"
    shutil.rmtree(run_folder, ignore_errors=True)
    try:
        with attempt_pulse(attempt) as pulse:
            version = _make_version(attempt, relay, pulse, run_folder)
            relay.flush()
        end_attempt.succeed(attempt, version)
    except AttemptOver:
        log.warning("%s was ended by somebody else; its result is dropped.", attempt)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong must end the attempt with a cause
        _end_badly(attempt, relay, error)
    finally:
        shutil.rmtree(run_folder, ignore_errors=True)


def _make_version(attempt: Attempt, relay: Relay, pulse: Pulse, run_folder: Path) -> AdapterVersion:
    job = Job.objects.select_related(
        "base_revision__base_model", "dataset_version__dataset", "workspace", "created_by"
    ).get(pk=attempt.job_id)
    relay.say(PhaseEvent(phase=Phase.PREPARING))
    relay.log(f"Attempt {attempt.number} on {attempt.worker}: {job.base_revision} with {job.dataset_version}.")
    relay.flush()
    try:
        attempt.resumed_step = prepare_run(job, run_folder, relay)
        attempt.save(update_fields=["resumed_step"])
        guard = BaseGuard(cached_base(job.base_revision), job.base_revision.files)
        _train(run_folder, relay, pulse, guard)
        _score(run_folder, relay, pulse, guard)
    except BaseDamaged as damaged:
        detail = f"In the storage, {damaged} is not what it was; take it back from a backup."
        raise _Failed(ErrorEvent(code=Cause.BASE_CHANGED, detail=detail)) from damaged
    except _Failed as failed:
        if failed.error.code is Cause.BASE_CHANGED:
            forget_base(job.base_revision)
        raise
    relay.say(PhaseEvent(phase=Phase.SAVING))
    relay.flush()
    if why := pulse.asked_to_stop():
        raise _Stopped(why)
    job.refresh_from_db(fields=["facts", "scores"])
    return register_version(
        workspace=job.workspace,
        adapter_name=job.adapter_name,
        base_revision=job.base_revision,
        folder=run_folder / ADAPTER_FOLDER,
        lineage=_lineage(job),
        source_key=f"job-{job.pk}",
        created_by=job.created_by,
        retrains=job.retrains,
        recipe_digest=job.recipe_digest,
    )


def _train(run_folder: Path, relay: Relay, pulse: Pulse, guard: BaseGuard) -> None:
    with Keeper(relay, run_folder) as keeper:
        outcome = run_child("workers.trainer", run_folder, keeper, pulse, guard.look)
        if outcome.stopped is Stop.CANCEL:
            keeper.drop()
    relay.flush()
    _demand(outcome, guard)


def _demand(outcome: Outcome, guard: BaseGuard) -> DoneEvent:
    """The child's last word. What happened to the base's files comes first: a child that lost them may say anything."""
    if outcome.stopped:
        raise _Stopped(outcome.stopped)
    if changed := guard.check():
        raise _Failed(changed)
    if outcome.error or not outcome.done:
        raise _Failed(outcome.error or ErrorEvent(code=Cause.CRASHED))
    return outcome.done


def _score(run_folder: Path, relay: Relay, pulse: Pulse, guard: BaseGuard) -> None:
    """Score base and tuned model; a failure here does not take the trained adapter away, but for a changed base."""
    try:
        _demand(run_child("workers.evaluator", run_folder, relay, pulse, guard.look), guard)
    except _Failed as failed:
        if failed.error.code is Cause.BASE_CHANGED:
            raise
        text = f"The held-out rows were not scored ({failed.error.code.value}); the adapter is kept."
        relay.say(LogEvent(level="warning", text=text))


def _lineage(job: Job) -> Lineage:
    facts = dict(job.facts)
    version = job.dataset_version
    return Lineage(
        job=job.number,
        dataset=version.dataset.name,
        dataset_version=version.number,
        dataset_sha256=version.sha256,
        dataset_sources=sources_in(version.origin),
        config=job.config,
        libraries=facts.pop("libraries", {}),
        seed=job.config["seed"],
        facts=facts,
        scores=job.scores,
        continues=_ancestor(job.continues),
        retrains=_ancestor(job.retrains),
    )


def _ancestor(version: AdapterVersion | None) -> Ancestor | None:
    if version is None:
        return None
    return Ancestor(adapter=version.adapter.name, version=version.number, manifest_sha256=version.manifest_sha256)


def _end_badly(attempt: Attempt, relay: Relay, error: Exception) -> None:
    try:
        if not isinstance(error, _Stopped | _Failed):
            log.error("%s failed", attempt, exc_info=error)
            relay.say(LogEvent(level="error", text=f"{type(error).__name__}: {error}"))
        relay.flush()
        match error:
            case _Stopped(why=Stop.CANCEL):
                end_attempt.cancelled(attempt)
            case _Stopped(why=Stop.PAUSE):
                end_attempt.paused(attempt)
            case _Stopped():
                why = "The worker was shut down; the job waits for the next one."
                end_attempt.requeue(attempt, AttemptState.INTERRUPTED, why)
            case _Failed(error=event):
                end_attempt.fail(attempt, event.code, event.detail)
            case blobs.BlobMissing() | blobs.BlobDamaged():
                end_attempt.fail(attempt, Cause.FILES_MISSING, f"Blob {error}.")
            case OSError() if cause_of(error) is Cause.DISK_FULL:
                end_attempt.fail(attempt, Cause.DISK_FULL)
            case _:
                end_attempt.fail(attempt, Cause.CRASHED, str(error))
    except AttemptOver:
        log.warning("%s was ended by somebody else.", attempt)
