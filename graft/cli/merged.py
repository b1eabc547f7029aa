"""`graft merge`, and `graft merged` list, show, pull, stop, delete: adapters folded into their base."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.bars import bars
from graft.cli.output import moment_text, print_facts, print_json, print_table, size_text
from graft.cli.run import FAILED, Json, Reference, connected, on_ctrl_c
from graft.types import Json as Answer

app = typer.Typer(help="Merged models of adapter versions.", no_args_is_help=True, rich_markup_mode=None)
Number = Annotated[int, typer.Argument(help="The merged model's number among those of its version.")]
Exact = Annotated[int | None, typer.Option(help="Exactly this one, also rejected; else the newest verified.")]


def merge(
    reference: Reference,
    *,
    dtype: Annotated[str, typer.Option(help="bfloat16, float16 or float32; else the base's own.")] = "",
    onto: Annotated[str, typer.Option(help="original or quantized: the weights that it is added to.")] = "",
    prompts: Annotated[int | None, typer.Option(help="So many prove it.")] = None,
    base: Annotated[str, typer.Option(help="name@revision that it is merged into.")] = "",
    dataset: Annotated[str, typer.Option(help="name@version whose rows prove it.")] = "",
    wait: Annotated[bool, typer.Option(help="For the verdict of its proof.")] = True,
    json: Json = False,
) -> None:
    """Fold a version into its base and prove the result equal; exit code 1 when the proof rejects it."""
    given: Answer = {"dtype": dtype, "onto": onto, "prompts": prompts}
    options = {name: value for name, value in given.items() if value not in {"", None}}
    with connected() as client:
        found = client.merged.merge(reference, base=base, dataset=dataset, wait=False, **options)
        exact, number = f"{found['adapter']}@{found['version']}", found["number"]
        if wait:
            again = f"graft merged show {exact} {number}. Stop it: graft merged stop {exact} {number}"
            with on_ctrl_c(f"The merge goes on. Look at it: {again}."), bars(counted=True) as progress:
                found = client.merged.wait(exact, number, progress=progress)
        failed = _failed(client.merged.report(exact, number)) if found["verdict"] == "rejected" else []
    if json:
        print_json(found)
    else:
        typer.echo(f"{found['reference']} {found['verdict'] or found['state']}")
    if found["verdict"] == "rejected":
        for line in failed:
            typer.echo(line, err=True)
        raise typer.Exit(FAILED)


@app.command("list")
def list_merged(reference: Reference, json: Json = False) -> None:
    """List those of a version, the newest first."""
    with connected() as client:
        found = client.merged.list(reference)
    if json:
        print_json(found)
        return
    print_table(
        ["MERGED", "STATE", "VERDICT", "DTYPE", "BASE", "KL", "SIZE", "ASKED"],
        (
            [
                one["reference"],
                one["state"],
                one["verdict"],
                one["options"]["dtype"],
                one["base_model"],
                _figure(one["kl"]),
                size_text(one["size"]) if one["size"] else "",
                moment_text(one["created_at"]),
            ]
            for one in found
        ),
        empty=f"Nothing was merged of it yet. Merge it: graft merge {reference}",
    )


@app.command()
def show(reference: Reference, number: Number, json: Json = False) -> None:
    """Show one with the gates of its proof."""
    with connected() as client:
        found = client.merged.get(reference, number)
        report = client.merged.report(reference, number) if found["verdict"] else None
    if json:
        print_json(found | {"report": report})
        return
    error = found["error"] or {}
    print_facts(
        {
            "merged": found["reference"],
            "state": f"{found['state']} {error.get('message', '')}".strip(),
            "verdict": found["verdict"],
            "base": found["base_model"],
            "dataset": found["dataset"],
            "dtype": found["options"]["dtype"],
            "size": size_text(found["size"]) if found["size"] else "",
            "asked": moment_text(found["created_at"]),
            "by": found["created_by"],
        }
    )
    if report:
        typer.echo()
        print_table(
            ["GATE", "VALUE", "LIMIT", "PASSED"],
            (
                [gate["name"], _figure(gate["value"]), f"{gate['at']} {gate['limit']:g}", _yes(gate["passed"])]
                for gate in report["gates"]
            ),
            empty="",
        )


@app.command()
def pull(
    reference: Reference,
    folder: Annotated[Path | None, typer.Argument(help="Where to; name-v3-merged-1 here when not given.")] = None,
    *,
    number: Exact = None,
    json: Json = False,
) -> None:
    """Fetch one, checked by its SHA-256s; the same command again goes on where it stopped."""
    with (
        connected() as client,
        on_ctrl_c("Stopped. What has come is kept: the same command goes on from there."),
        bars() as progress,
    ):
        found = client.merged.files(reference, number)
        exact, meant = f"{found['adapter']}@{found['version']}", found["number"]
        path = client.merged.pull(exact, folder, number=meant, progress=progress)
    if json:
        print_json({"reference": f"{exact}/{meant}", "verdict": found["verdict"], "path": str(path)})
        return
    typer.echo(path)
    if found["verdict"] == "rejected":
        typer.echo(
            f"Mind: {exact}/{meant} was rejected by its proof. It does not answer as the adapter does.", err=True
        )


@app.command()
def stop(reference: Reference, number: Number, json: Json = False) -> None:
    """Stop a merge that waits or runs."""
    with connected() as client:
        found = client.merged.cancel(reference, number)
    print_json(found) if json else typer.echo(f"{found['reference']} {found['state']}")


@app.command()
def delete(reference: Reference, number: Number, json: Json = False) -> None:
    """Delete one, with what was exported of it here."""
    with connected() as client:
        client.merged.delete(reference, number)
    if json:
        print_json({"deleted": f"{reference}/{number}"})
    else:
        typer.echo(f"Merged model {number} of {reference} was deleted.")


def _failed(report: Answer) -> list[str]:
    """A line for each gate that was not passed."""
    return [
        f"{gate['name']}: {_figure(gate['value']) or 'not measured'}, at {gate['at']} {gate['limit']:g} is asked for"
        for gate in report["gates"]
        if not gate["passed"]
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _yes(passed: bool) -> str:
    return "yes" if passed else "no"
