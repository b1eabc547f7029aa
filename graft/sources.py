"""What is imported: names of what the server fetches by itself, and the files of a folder here that belong to it."""

from pathlib import Path

from graft.errors import GraftError
from graft.types import Json


def hub_source(text: str) -> Json:
    """`owner/name`, or `owner/name@revision` with a branch, tag or commit."""
    repo_id, _, revision = text.strip().partition("@")
    return {"kind": "hub", "repo_id": repo_id} | ({"revision": revision} if revision else {})


def shared_source(text: str) -> Json:
    """`source:path`: a folder that the server shares under the name `source`.

    Raises:
        GraftError: `invalid_source`.
    """
    source, colon, path = text.strip().partition(":")
    if not (source and colon):
        raise GraftError(
            "invalid_source", f"“{text[:120]}” is not SOURCE:PATH, such as models:smollm2.", field="shared"
        )
    return {"kind": "shared", "source": source, "path": path}


def one_source(*, hub: str | None, shared: str | None, here: Path | None) -> Json | None:
    """What the server fetches; None: it is here, and is sent.

    Raises:
        GraftError: `one_source`: none was given, or several; `invalid_source`.
    """
    if sum(given is not None for given in (hub, shared, here)) != 1:
        raise GraftError("one_source", "Say where the files are: in a folder here, on the hub, or in a shared folder.")
    if hub is not None:
        return hub_source(hub)
    return None if shared is None else shared_source(shared)


def base_model_files(folder: Path) -> list[Path]:
    """Those that transformers reads, at the top of the folder; the rule is the registry's own.

    Raises:
        GraftError: there are no safetensors weights, or nothing at all.
    """
    from adapters.base_folder import base_files  # noqa: PLC0415 - as in `verify.py`
    from finetune_app.errors import UserError  # noqa: PLC0415

    if not folder.is_dir():
        raise GraftError("no_such_file", f"There is no folder {folder}.", field="folder")
    try:
        return [path for name, path in base_files(folder).items() if "/" not in name]
    except UserError as error:
        raise GraftError.of(error.as_json()) from None


def adapter_files(path: Path) -> list[Path]:
    """An archive by itself; of a folder the files that an adapter can have.

    Raises:
        GraftError: `no_such_file`, `adapter_incomplete`.
    """
    from adapters.adapter_folder_names import CONFIG, KEPT_SUFFIXES, WEIGHTS  # noqa: PLC0415

    if path.is_file():
        return [path]
    if not path.is_dir():
        raise GraftError("no_such_file", f"There is no file or folder {path}.", field="path")
    for name in (WEIGHTS, CONFIG):
        if not (path / name).is_file():
            raise GraftError("adapter_incomplete", f"{path} has no {name}, so it is no adapter.", field="path")
    found = (file for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith("."))
    return [file for file in found if file.suffix in KEPT_SUFFIXES]
