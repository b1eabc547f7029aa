"""Which files of a base model are kept: those that transformers reads. Pure.

Python files are kept only where a config names classes in them (`base_texts.has_code`): then they are part of what the
base computes, and of its digests. They run only on a revision for which an admin allowed it.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from adapters.base_texts import CODE_SUFFIX, has_code, texts_in
from adapters.weight_files import WEIGHTS_INDEX, weight_files

KEPT_SUFFIXES = frozenset({".json", ".jinja", ".model", ".txt"})
TEMPLATES_FOLDER = "additional_chat_templates"  # the only folder below that transformers reads
OTHER_INDEX = ".index.json"  # of weights that are not kept


def base_files(folder: Path) -> dict[str, Path]:
    """The files to keep, by their path in the folder.

    Of the safetensors files only those count that the model is loaded from: model folders often hold the same weights a
    second time in another program's form. Links are followed, since a model hub's cache is made of them.

    Raises:
        UserError: the folder has no safetensors weights.
    """
    found = [path for path in folder.iterdir() if path.is_file()]
    found += (folder / TEMPLATES_FOLDER).glob("*.jinja")
    names = kept_names((path.relative_to(folder).as_posix() for path in found), with_code=has_code(texts_in(folder)))
    kept = [*weight_files(folder), *(folder / name for name in names)]
    return {path.relative_to(folder).as_posix(): path for path in sorted(kept)}


def kept_names(paths: Iterable[str], *, with_code: bool) -> list[str]:
    """Of the files of a base model, those to keep besides the weights."""
    suffixes = KEPT_SUFFIXES | ({CODE_SUFFIX} if with_code else set())
    return sorted(path for path in paths if _is_kept(PurePosixPath(path), suffixes))


def _is_kept(path: PurePosixPath, suffixes: frozenset[str]) -> bool:
    if path.name.startswith(".") or (path.name.endswith(OTHER_INDEX) and path.name != WEIGHTS_INDEX):
        return False
    if str(path.parent) == TEMPLATES_FOLDER:
        return path.suffix == ".jinja"
    return str(path.parent) == "." and path.suffix in suffixes
