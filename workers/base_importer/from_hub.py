"""Downloads from the Hugging Face hub what a base model needs of a repository, and nothing else.

The small files that say what there is come first, so that a repository of pickles is refused before gigabytes are sent.
"""

import json
from pathlib import Path

from adapters.base_folder import kept_names
from adapters.base_source import HubModel
from adapters.base_texts import CONFIG, TOKENIZER_CONFIG, has_code
from adapters.weight_files import WEIGHTS, WEIGHTS_INDEX, weight_names
from finetune_app.errors import UserError
from finetune_app.uploads.too_large import base_too_large
from workers.hub.asked import AskedRepo
from workers.hub.set_up import set_up_libraries

FOLDER, CACHE = "hub", "hub_cache"


def fetch_from_hub(source: HubModel, run_folder: Path, *, limit: int) -> tuple[Path, str]:
    """The folder with the files, and the commit that the revision means now.

    Raises:
        UserError: `base_not_safetensors`, `base_config_missing`, `base_torn`, `base_too_large`, or what
            `hub/errors.py` explains.
    """
    set_up_libraries(run_folder / CACHE)
    # Only now: the libraries read their settings when they are imported.
    from workers.hub.errors import explain_errors  # noqa: PLC0415
    from workers.hub.repo_files import RepoFiles  # noqa: PLC0415

    folder = run_folder / FOLDER
    asked = AskedRepo("model", source.repo_id, source.revision)
    with explain_errors(asked):
        repo = RepoFiles(asked)
        top = [path for path in repo.paths if "/" not in path]
        index = {WEIGHTS_INDEX} if WEIGHTS not in top else set()
        if not index & set(top):
            weight_names(top, None)  # refuses pickles
        if CONFIG not in top:
            raise UserError(
                "base_config_missing",
                f"{source.repo_id} has no {CONFIG}, so it is no base model. Adapters are imported under Adapters.",
                field="repo_id",
            )
        first = sorted({CONFIG, TOKENIZER_CONFIG, *index} & set(top))
        repo.download(first, repo.sizes(first), folder)
        texts = {name: (folder / name).read_bytes() for name in first}
        weights = weight_names(top, json.loads(texts[WEIGHTS_INDEX]) if index & set(top) else None)
        rest = [path for path in kept_names(repo.paths, with_code=has_code(texts)) if path not in first]
        paths = [*rest, *weights]
        sizes = repo.sizes(paths)
        if sum(sizes) > limit:
            raise base_too_large(sum(sizes), limit)
        repo.download(paths, sizes, folder)
    return folder, repo.commit
