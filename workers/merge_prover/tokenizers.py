"""Whether the merged model reads text as the adapter learned to read it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from adapters.base_texts import TOKENIZER, TOKENIZER_FILES
from adapters.fingerprint import chat_template
from finetune_app.datasets.formats import RowForm
from workers.encoding import load_tokenizer
from workers.merge_spec import MergeSpec

SPECIAL = ("bos_token_id", "eos_token_id", "unk_token_id")


def load_reference_tokenizer(spec: MergeSpec, adapter_folder: Path) -> Any:
    """The tokenizer that the adapter learned with: its own, where one was saved with it, else the base's.

    So is the chat template, which may be saved without the rest.
    """
    has_own = any((adapter_folder / name).is_file() for name in (TOKENIZER, *TOKENIZER_FILES))
    folder = adapter_folder if has_own else spec.base_folder
    tokenizer = load_tokenizer(folder, RowForm.TEXT, trust_remote_code=spec.trust_remote_code)
    tokenizer.chat_template = chat_template(adapter_folder) or chat_template(spec.base_folder) or None
    return tokenizer


def tokenizer_differences(
    tokenizer: Any, merged_folder: Path, texts: Iterable[str], *, rows: int, trust_remote_code: bool
) -> list[str]:
    """In what the merged model's tokenizer is another one than `tokenizer`, in words; `rows` has its embedding."""
    try:
        merged = AutoTokenizer.from_pretrained(
            merged_folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, people must read it in the report
        return [f"it cannot be loaded: {type(error).__name__}: {error}"]
    ours, theirs = tokenizer.get_vocab(), merged.get_vocab()
    found = []
    if different := sorted(token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token)):
        found.append(f"{len(different)} tokens of the vocabulary, “{different[0]}” first")
    if beyond := sorted(token for token, number in theirs.items() if number >= rows):
        found.append(f"{len(beyond)} tokens without a row in the embedding, “{beyond[0]}” first")
    if (tokenizer.chat_template or "") != chat_template(merged_folder):
        found.append("the chat template")
    found += [name for name in SPECIAL if getattr(tokenizer, name, None) != getattr(merged, name, None)]
    if other := next((text for text in texts if _ids(tokenizer, text) != _ids(merged, text)), None):
        found.append(f"the tokens of “{other[:60]}”")
    return found


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, verbose=False)["input_ids"]
    return ids
