"""Which tokenizer and chat template a merged model gets: those that the adapter was trained with. Pure."""

from pathlib import Path

from adapters.base_folder import TEMPLATES_FOLDER
from adapters.base_texts import (
    CHAT_TEMPLATE,
    CONFIG,
    SPECIAL_TOKENS,
    TEXT_FILES,
    TOKENIZER_CONFIG,
    chat_template_in,
)

OLD_TEMPLATE = "chat_template.json"
TOKENIZER_SUFFIXES = (".model", ".tiktoken")
TOKENIZER_NAMES = frozenset(TEXT_FILES) - {CONFIG, CHAT_TEMPLATE}
# With one of these a folder has a tokenizer; the others only say more of it.
WHOLE = TOKENIZER_NAMES - {TOKENIZER_CONFIG, SPECIAL_TOKENS, "added_tokens.json", "merges.txt"}


def tokenizer_files(base_folder: Path, adapter_folder: Path) -> dict[str, bytes]:
    """The files by their path in the merged model: the tokenizer is that of one folder, and so is the template.

    Args:
        base_folder: has both, as a rule.
        adapter_folder: goes before it.
    """
    base, adapter = _files(base_folder), _files(adapter_folder)
    has_tokenizer = any(name in WHOLE or name.endswith(TOKENIZER_SUFFIXES) for name in adapter)
    tokenizer = adapter if has_tokenizer else base
    templates = adapter if chat_template_in(adapter) else base
    files = {name: content for name, content in tokenizer.items() if not _is_template(name)}
    files |= {name: content for name, content in templates.items() if _is_template(name)}
    template = chat_template_in(templates)
    if chat_template_in(files) != template:  # it was in the tokenizer's config of the other folder
        files[CHAT_TEMPLATE] = template.encode()
    return files


def is_for_tokenizer(name: str) -> bool:
    """Whether a file of a model's folder says how text becomes tokens."""
    return name in TOKENIZER_NAMES or name.endswith(TOKENIZER_SUFFIXES) or _is_template(name)


def _is_template(name: str) -> bool:
    return name in (CHAT_TEMPLATE, OLD_TEMPLATE) or name.startswith(f"{TEMPLATES_FOLDER}/")


def _files(folder: Path) -> dict[str, bytes]:
    paths = sorted((*folder.iterdir(), *(folder / TEMPLATES_FOLDER).glob("*.jinja")))
    named = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if is_for_tokenizer(name)}
