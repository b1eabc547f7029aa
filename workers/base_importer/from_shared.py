"""A base model in a shared place: a folder of this machine is read where it lies, one in a bucket is copied first."""

import json
from pathlib import Path

from adapters.base_folder import TEMPLATES_FOLDER, kept_names
from adapters.base_source import SharedBase
from adapters.base_texts import CODE_SUFFIX, CONFIG, TOKENIZER_CONFIG, has_code
from adapters.weight_files import PICKLES, WEIGHTS, WEIGHTS_INDEX, weight_names
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from finetune_app.storage.shared_places import SharedFile, find_file, look_into, read_part
from finetune_app.uploads.too_large import base_too_large
from workers.progress import Progress

PART_BYTES = 8 * 1024 * 1024
FOLDER = "shared"
ENDINGS = (".safetensors", ".json", ".jinja", ".model", ".txt", CODE_SUFFIX, *PICKLES)


def copy_from_shared(source: SharedBase, address: str, run_folder: Path, *, limit: int) -> Path:
    """Copy what a base model needs out of a bucket; the folder with it.

    Raises:
        UserError: `path_unknown`, `base_not_safetensors`, `base_torn`, `base_too_large`, `file_changed`,
            `invalid_path`, or `source_unreachable`.
    """
    top = source.path.strip("/")
    files = {file.name: file for file in look_into(address, top, ENDINGS).files}
    if not files:
        raise UserError(
            "path_unknown",
            f"There is no base model at “{top or '/'}” in {source.source}. Choose another.",
            field="path",
        )
    inner = f"{top}/{TEMPLATES_FOLDER}".lstrip("/")
    files |= {f"{TEMPLATES_FOLDER}/{file.name}": file for file in look_into(address, inner, (".jinja",)).files}
    folder = run_folder / FOLDER
    folder.mkdir()
    has_index = WEIGHTS not in files and WEIGHTS_INDEX in files
    first = [name for name in (CONFIG, TOKENIZER_CONFIG, *([WEIGHTS_INDEX] if has_index else [])) if name in files]
    texts = {name: read_part(address, files[name], 0, files[name].size) for name in first}
    weights = weight_names(files, json.loads(texts[WEIGHTS_INDEX]) if has_index else None)
    chosen = [files[name] for name in [*kept_names(files, with_code=has_code(texts)), *weights]]
    if (size := sum(file.size for file in chosen)) > limit:
        raise base_too_large(size, limit)
    progress = Progress(Phase.DOWNLOADING, size)
    for file in chosen:
        name = file.path.removeprefix(top).lstrip("/")
        (folder / name).parent.mkdir(exist_ok=True)
        _copy(address, file, folder / name, progress)
    return folder


def _copy(address: str, file: SharedFile, to: Path, progress: Progress) -> None:
    with to.open("xb") as copy:
        for start in range(0, file.size, PART_BYTES):
            part = read_part(address, file, start, min(start + PART_BYTES, file.size))
            copy.write(part)
            progress.add(len(part))
    now = find_file(address, file.path)
    if now is None or now.e_tag != file.e_tag or to.stat().st_size != file.size:
        raise UserError(
            "file_changed",
            f"“{file.path}” was changed while it was copied. Try again when nobody writes to it.",
            field="path",
            status=409,
        )
