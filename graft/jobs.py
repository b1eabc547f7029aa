"""Jobs: submit, look, watch, stop."""

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from graft.errors import GraftError
from graft.events import follow
from graft.transport import Transport, body_of, lines_of
from graft.types import Json, Rows

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
YAML_TYPE = "application/yaml"


class Jobs:
    """`client.jobs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(self, job: Mapping[str, Any] | str | PathLike[str]) -> Json:
        """Queue a fine-tune; the job, with its `number`.

        Args:
            job: `adapter`, `dataset`, `base_model` and `config`, as a mapping; or the path of a YAML file with them, as
                “Take it along” on the page of a job gives it.

        Raises:
            GraftError: what is wrong with it, and where (`field`, e.g. `config.r`); `no_such_file`.
        """
        if isinstance(job, Mapping):
            return self._transport.post("/jobs", job)
        path = Path(job)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise GraftError("no_such_file", f"{path} cannot be read: {error.strerror}.", field="path") from error
        return body_of(self._transport.ask("POST", "/jobs", content=text, headers={"Content-Type": YAML_TYPE}))

    def list(self, *, state: str | None = None, adapter: str | None = None, limit: int | None = None) -> Rows:
        """The workspace's jobs, the newest first; only those in `state` and for `adapter` where given."""
        return self._transport.pages("/jobs", state=state, adapter=adapter, limit=limit)

    def get(self, number: int) -> Json:
        """State, progress, cause, scores and result of a job."""
        return self._transport.get(f"/jobs/{number}")

    def cancel(self, number: int) -> Json:
        """Stop it, whatever its state; one that has ended stays as it is."""
        return self._transport.post(f"/jobs/{number}/cancel")

    def pause(self, number: int) -> Json:
        """Let it wait until it is resumed; one that runs writes a checkpoint first."""
        return self._transport.post(f"/jobs/{number}/pause")

    def resume(self, number: int) -> Json:
        """Put a paused job back into the queue."""
        return self._transport.post(f"/jobs/{number}/resume")

    def watch(self, number: int, *, after: str = "") -> Iterator[Json]:
        """Every line of the job as a record, those to come as well, until it has ended.

        Each is `attempt`, `number`, `time` and `event`; `event["type"]` says what it is: `log`, `phase`, `step`,
        `evaluation`, `state` and more. `after` is the last one that is known, `attempt:number`. No longer listening
        never stops the job.
        """
        return follow(self._transport, f"/jobs/{number}/log", after=after)

    def wait(self, number: int) -> Json:
        """The job once it has ended, well or not: see `state`, and `cause` where it failed."""
        for _ in self.watch(number):
            pass
        return self.get(number)

    def logs(self, number: int) -> Iterator[str]:
        """Every line so far as text, without its newline."""
        with self._transport.stream(f"/jobs/{number}/log") as answer:
            yield from lines_of(answer.iter_bytes())
