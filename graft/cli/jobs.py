"""`graft jobs`: submit, list, watch, cancel, logs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.cli.output import moment_text, plain, print_json, print_table
from graft.cli.run import FAILED, Json, connected, on_ctrl_c
from graft.cli.watching import show
from graft.errors import GraftError
from graft.types import Json as Answer

app = typer.Typer(help="Jobs of the workspace.", no_args_is_help=True, rich_markup_mode=None)
Number = Annotated[int, typer.Argument(help="The job's number.")]
Lines = Annotated[bool, typer.Option("--lines", help="Every line of the log instead of one live line.")]


@app.command()
def submit(
    file: Annotated[Path | None, typer.Argument(help="A job as YAML, as “Take it along” on its page gives it.")] = None,
    *,
    adapter: Annotated[str, typer.Option(help="The name that the result gets.")] = "",
    dataset: Annotated[str, typer.Option(help="name or name@version")] = "",
    base_model: Annotated[str, typer.Option("--base", help="name or name@revision")] = "",
    option: Annotated[list[str], typer.Option("--set", help="OPTION=VALUE of the config; once for each.")] = [],  # noqa: B006
    watch: Annotated[bool, typer.Option("--watch", help="Watch it at once.")] = False,
    json: Json = False,
) -> None:
    """Queue a fine-tune, of a file, of options, or of a file that options change; prints its number."""
    changes = {"adapter": adapter, "dataset": dataset, "base_model": base_model}
    order = _order(file, {name: value for name, value in changes.items() if value}, option)
    with connected() as client:
        job = client.jobs.submit(order)
        if not watch:
            print_json(job) if json else typer.echo(job["number"])
            return
    watch_job(job["number"], json=json)


@app.command("list")
def list_jobs(
    state: Annotated[str, typer.Option(help="Only those that are queued, running, succeeded, failed, …")] = "",
    adapter: Annotated[str, typer.Option(help="Only those for this adapter.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    json: Json = False,
) -> None:
    """List them, the newest first."""
    with connected() as client:
        found = client.jobs.list(state=state or None, adapter=adapter or None, limit=limit)
    if json:
        print_json(found)
        return
    print_table(
        ["NUMBER", "STATE", "ADAPTER", "DATASET", "BASE", "QUEUED"],
        (
            [
                one["number"],
                _state(one),
                one["adapter"],
                one["dataset"],
                one["base_model"],
                moment_text(one["created_at"]),
            ]
            for one in found
        ),
        empty="There is no such job. Queue one: graft jobs submit FILE",
    )


@app.command("watch")
def watch_job(number: Number, lines: Lines = False, json: Json = False) -> None:
    """Follow a job until it has ended; exit code 0 when it succeeded. Ending this never stops the job."""
    again = f"The job goes on. Watch it again: graft jobs watch {number}. Stop it: graft jobs cancel {number}."
    with connected() as client, on_ctrl_c(again):
        show(client.jobs.watch(number), json=json, lines=lines)
        job = client.jobs.get(number)
    if not json:
        _tell_end(job)
    if job["state"] != "succeeded":
        raise typer.Exit(FAILED)


@app.command()
def cancel(number: Number, json: Json = False) -> None:
    """Stop a job, whatever its state; one that has ended stays as it is."""
    with connected() as client:
        job = client.jobs.cancel(number)
    print_json(job) if json else typer.echo(f"job {number}: {job['state']}")


@app.command()
def logs(number: Number, json: Json = False) -> None:
    """Print every line so far."""
    with connected() as client:
        if json:
            print_json({"number": number, "lines": list(client.jobs.logs(number))})
            return
        for line in client.jobs.logs(number):
            typer.echo(plain(line) if sys.stdout.isatty() else line)


def _order(file: Path | None, changes: Answer, options: list[str]) -> Answer | Path:
    """What to send: the file as it is, or its values with changes; values are read as YAML."""
    if file is None and not changes:
        raise typer.BadParameter("Name a FILE, or --adapter, --dataset and --base.")
    if file is not None and not changes and not options:
        return file
    order = (_read_yaml(file) if file else {}) | changes
    config = dict(order.get("config") or {})
    config |= dict(_option(text) for text in options)
    return order | {"config": config}


def _read_yaml(file: Path) -> Answer:
    import yaml  # noqa: PLC0415 - only here

    try:
        order = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise GraftError("no_such_file", f"{file} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise GraftError("invalid_yaml", f"{file} is not valid YAML: {error}") from error
    if not isinstance(order, dict):
        raise GraftError("invalid_yaml", f"{file} is not a mapping of names to values.")
    return order


def _option(text: str) -> tuple[str, Any]:
    import yaml  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not (equals and name):
        raise typer.BadParameter(f"“{text}” is not OPTION=VALUE.")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value


def _state(job: Answer) -> str:
    if job["state"] == "running" and job["total"]:
        return f"{job['phase']} {job['done']}/{job['total']}"
    return str(job["state"])


def _tell_end(job: Answer) -> None:
    made = job.get("adapter_version")
    if job["state"] == "succeeded" and made:
        typer.echo(f"job {job['number']} succeeded: {made['adapter']}@{made['version']}")
        return
    cause = job.get("cause")
    why = f": {cause['message']}" if cause else "."
    typer.echo(f"job {job['number']} {job['state']}{why}", err=True)
