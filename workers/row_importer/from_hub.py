"""Downloads one split of a dataset of the Hugging Face hub into the run folder, as the files that its authors pushed.

Which files those are is what `datasets.load_dataset` says. It converts none of them: Graft's own readers read what was
pushed, so nothing silently becomes another type.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from finetune_app.datasets.import_source import Fetched, FetchedFile, HubDataset
from finetune_app.errors import UserError
from workers.hub.set_up import set_up_libraries
from workers.hub.too_large import refuse_too_large

FOLDER, CACHE = "hub", "hub_cache"
NAMED_CHOICES = 10
TRAIN = "train"


def fetch_from_hub(source: HubDataset, folder: Path, *, limit: int) -> Fetched:
    """Download the files of one split, in the order in which `load_dataset` reads them.

    Args:
        source: what to fetch.
        folder: the run folder.
        limit: bytes of all files together.

    Raises:
        UserError: `invalid_repo_id`, `hub_not_found`, `hub_gated`, `revision_unknown`, `subset_needed`,
            `subset_unknown`, `split_needed`, `split_unknown`, `hub_no_rows`, `import_too_large`, `hub_offline`,
            `hub_refused` or `hub_unreachable`.
    """
    set_up_libraries(folder / CACHE)
    # Only now: the libraries read their settings when they are imported.
    from workers.hub.errors import explain_errors  # noqa: PLC0415
    from workers.row_importer.hub_errors import asked_repo, refuse_other_kinds  # noqa: PLC0415
    from workers.row_importer.hub_files import HubFiles  # noqa: PLC0415

    with explain_errors(asked_repo(source)):
        hub = HubFiles(source)
        subset = _chosen("subset", source.repo_id, source.subset, hub.subsets(), hub.default_subset)
        splits = hub.splits(subset)
        split = _chosen("split", source.repo_id, source.split, list(splits), lambda: TRAIN)
        paths = splits[split]
        refuse_other_kinds(source, split, paths)
        sizes = hub.sizes(paths)
        refuse_too_large(sum(sizes), limit)
        hub.download(paths, sizes, folder / FOLDER)
    files = [
        FetchedFile(path=f"{FOLDER}/{path}", file_name=path, size=size) for path, size in zip(paths, sizes, strict=True)
    ]
    return Fetched(files=files, pins={"commit": hub.commit, "subset": subset, "split": split})


def _chosen(what: str, repo_id: str, wanted: str, choices: Sequence[str], default: Callable[[], str | None]) -> str:
    """The wanted subset or split; when none was named, the only one or the default."""
    if wanted in choices:
        return wanted
    if not wanted and len(choices) == 1:
        return choices[0]
    if not wanted and (found := default()) in choices:
        return str(found)
    names = ", ".join(choices[:NAMED_CHOICES])
    if (more := len(choices) - NAMED_CHOICES) > 0:
        names = f"{names} and {more} more"
    problem = f"has no {what} “{wanted}”" if wanted else f"has several {what}s"
    raise UserError(
        f"{what}_{'unknown' if wanted else 'needed'}",
        f"{repo_id} {problem}. Choose one of these: {names}.",
        field=what,
        details=[{"choices": list(choices)}],
    )
