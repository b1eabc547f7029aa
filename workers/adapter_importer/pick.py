"""Which files of what came make up the adapter: those beside its `adapter_config.json` that peft reads. Pure."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from adapters.adapter_folder_names import CONFIG, KEPT_SUFFIXES, PLAIN_PATH, WEIGHTS
from finetune_app.errors import UserError

TEMPLATES_FOLDER = "additional_chat_templates"  # the only folder below that transformers reads
PICKLED = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth", "pytorch_model.bin")
OF_THE_RUN = frozenset({"trainer_state.json", "training_args.json", "all_results.json", "train_results.json"})


def pick(names: Iterable[str]) -> dict[str, str]:
    """For each file that belongs to the adapter, by its path in the adapter's folder, its name among `names`.

    Args:
        names: paths with forward slashes, relative and without `..`.

    Raises:
        UserError: `adapter_incomplete`, `adapter_pickled`, or `several_adapters`.
    """
    paths = [PurePosixPath(name) for name in names]
    top = _top(paths)
    found = {path.relative_to(top).as_posix(): str(path) for path in paths if path.is_relative_to(top)}
    if WEIGHTS not in found:
        raise _no_weights(found)
    return {name: source for name, source in found.items() if _belongs(PurePosixPath(name))}


def _top(paths: list[PurePosixPath]) -> PurePosixPath:
    configs = [path for path in paths if path.name == CONFIG]
    if not configs:
        raise UserError(
            "adapter_incomplete",
            f"There is no {CONFIG}, which says how the adapter is put on its base. Add it: peft writes it beside the "
            "weights.",
        )
    depth = min(len(path.parts) for path in configs)
    tops = sorted(path.parent for path in configs if len(path.parts) == depth)
    if len(tops) > 1:
        raise UserError(
            "several_adapters",
            f"There are several adapters ({', '.join(map(str, tops[:3]))}). Import one of them at a time.",
        )
    return tops[0]


def _no_weights(found: Iterable[str]) -> UserError:
    pickled = next((name for name in PICKLED if name in found), None)
    if pickled is None:
        return UserError("adapter_incomplete", f"There is no {WEIGHTS} beside {CONFIG}. Add it, and try again.")
    return UserError(
        "adapter_pickled",
        f"The weights are in {pickled}, a pickle file, which can run code when it is opened; Graft takes safetensors "
        "only. Where you trust the source, load it with PeftModel.from_pretrained(base, folder), write it with "
        "save_pretrained(new_folder), and import that.",
    )


def _belongs(path: PurePosixPath) -> bool:
    if str(path.parent) == TEMPLATES_FOLDER:
        return path.suffix == ".jinja" and bool(PLAIN_PATH.fullmatch(str(path)))
    if str(path.parent) != "." or path.suffix not in KEPT_SUFFIXES or path.name in OF_THE_RUN:
        return False
    return bool(PLAIN_PATH.fullmatch(path.name)) and (path.suffix != ".safetensors" or path.name == WEIGHTS)
