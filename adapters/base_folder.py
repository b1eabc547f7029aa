"""Which files of a base model's folder are kept: those that transformers reads, and none that could run code."""

from pathlib import Path

from adapters.weight_files import weight_files

KEPT_SUFFIXES = frozenset({".json", ".jinja", ".model", ".txt"})
TEMPLATES_FOLDER = "additional_chat_templates"  # the only folder below that transformers reads


def base_files(folder: Path) -> dict[str, Path]:
    """The files to keep, by their path in the folder.

    Of the safetensors files only those count that the model is loaded from: model folders often hold the same weights a
    second time in another program's form. Links are followed, since a model hub's cache is made of them.

    Raises:
        UserError: the folder has no safetensors weights.
    """
    found = [path for path in folder.iterdir() if path.suffix in KEPT_SUFFIXES]
    found += (folder / TEMPLATES_FOLDER).glob("*.jinja")
    kept = [*weight_files(folder), *(path for path in found if path.is_file() and not path.name.startswith("."))]
    return {path.relative_to(folder).as_posix(): path for path in sorted(kept)}
