"""`graft adapters`: list, find, show; `adapter_files.py` and `adapter_changes.py` have the rest."""

from collections.abc import Iterable
from typing import Annotated, cast

import typer

from graft.cli import adapter_changes, adapter_files
from graft.cli.output import moment_text, print_facts, print_json, print_table, score_text, size_text
from graft.cli.run import Json, Reference, connected
from graft.types import Json as Answer
from graft.types import Rows
from graft.version_filters import VersionFilters

app = typer.Typer(help="Adapters of the workspace.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(adapter_files.app)
app.add_typer(adapter_changes.app)
HEADS = ("BASE", "DATASET", "SCORE", "MADE")


@app.command("list")
def list_adapters(
    q: Annotated[str, typer.Option(help="Only names that contain this.")] = "",
    json: Json = False,
) -> None:
    """List them by their newest version."""
    with connected() as client:
        found = client.adapters.list(q=q or None)
    if json:
        print_json(found)
        return
    print_table(
        ["NEWEST", "ALIASES", *HEADS],
        (
            [one["newest"]["reference"], _meant(one["aliases"]), *_facts_of(one["newest"])]
            for one in found
            if one["newest"]
        ),
        empty="There is no such adapter. A job makes one: graft jobs submit FILE",
    )


@app.command()
def versions(
    *,
    q: Annotated[str, typer.Option(help="Words in name, tags or notes.")] = "",
    adapter: Annotated[str, typer.Option(help="Its name.")] = "",
    base: Annotated[str, typer.Option(help="name or name@revision")] = "",
    dataset: Annotated[str, typer.Option(help="name or name@version")] = "",
    metric: Annotated[str, typer.Option(help="exact_match, pair_accuracy, token_accuracy or loss")] = "",
    min_score: Annotated[float | None, typer.Option(help="Of the metric, at least.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Of the metric, at most.")] = None,
    method: Annotated[str, typer.Option(help="Of fine-tuning, such as dpo.")] = "",
    owner: Annotated[str, typer.Option(help="Who made it.")] = "",
    alias: Annotated[str, typer.Option(help="That means it now.")] = "",
    tag: Annotated[str, typer.Option(help="That it has.")] = "",
    status: Annotated[str, typer.Option(help="servable, stale, superseded, retired or any")] = "",
    order: Annotated[str, typer.Option(help="newest, oldest, best or worst")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    json: Json = False,
) -> None:
    """Find versions of all adapters; retired ones only with --status."""
    given = {
        "q": q,
        "adapter": adapter,
        "base": base,
        "dataset": dataset,
        "metric": metric,
        "min_score": min_score,
        "max_score": max_score,
        "method": method,
        "owner": owner,
        "alias": alias,
        "tag": tag,
        "status": status,
        "order": order,
    }
    filters = cast("VersionFilters", {name: value for name, value in given.items() if value not in {"", None}})
    with connected() as client:
        found = client.adapters.versions(limit=limit, **filters)
    if json:
        print_json(found)
    else:
        _print_versions(found, empty="There is no such version.")


@app.command()
def show(reference: Reference, json: Json = False) -> None:
    """Show an adapter with its versions, or one version (name@3, name@production) with its files."""
    is_version = "@" in reference
    with connected() as client:
        found = client.adapters.version(reference) if is_version else client.adapters.get(reference)
    if json:
        print_json(found)
    elif is_version:
        _show_version(found)
    else:
        _print_versions(found["versions"], empty=f"{reference} has no version yet.")


def _print_versions(versions: Rows, *, empty: str) -> None:
    print_table(
        ["VERSION", "STATUS", "ALIASES", *HEADS],
        ([one["reference"], one["status"], _meant(one["aliases"]), *_facts_of(one)] for one in versions),
        empty=empty,
    )


def _meant(aliases: Iterable[str]) -> str:
    return " ".join(aliases) or "–"


def _facts_of(version: Answer) -> list[str]:
    return [
        version["base_model"],
        version["dataset"],
        score_text(version["scores"]),
        moment_text(version["created_at"]),
    ]


def _show_version(version: Answer) -> None:
    lineage = version["manifest"]["lineage"]
    base = version["manifest"]["base"]
    print_facts(
        {
            "version": f"{version['adapter']}@{version['version']}",
            "status": f"{version['status']} {version['status_reason']}".strip(),
            "mind": version["flag"],
            "aliases": " ".join(version["aliases"]),
            "tags": " ".join(version["tags"]),
            "base": f"{base['name']}@{base['revision']}",
            "weights": base["weights_root"],
            "dataset": f"{lineage['dataset']}@{lineage['dataset_version']}" if lineage["dataset"] else "",
            "job": lineage["job"],
            "score": score_text(lineage["scores"]),
            "made": moment_text(version["created_at"]),
            "by": version["created_by"],
            "manifest": next(one["sha256"] for one in version["files"] if one["path"] == "manifest.json"),
            "notes": version["notes"],
        }
    )
    typer.echo()
    print_table(
        ["FILE", "SIZE", "SHA-256"],
        ([file["path"], size_text(file["size"]), file["sha256"]] for file in version["files"]),
        empty="",
    )
