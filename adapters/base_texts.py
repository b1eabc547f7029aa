"""The small files of a base model and what they say: its config, tokenizer, special tokens and chat template. Pure.

They come from a folder (`texts_in`) or from the storage (`services/read_base_texts.py`); what reads them gets a mapping
from their path to their bytes, and does not care.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune_app.errors import UserError

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
CHAT_TEMPLATE = "chat_template.jinja"
TOKENIZER_FILES = ("tokenizer.model", "spiece.model", "vocab.json", "merges.txt", "vocab.txt")
TEXT_FILES = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS, CHAT_TEMPLATE, "added_tokens.json", *TOKENIZER_FILES)
CODE_SUFFIX = ".py"
AUTO_MAP = "auto_map"  # the key by which a config names classes of its own

Texts = Mapping[str, bytes]


def texts_in(folder: Path) -> dict[str, bytes]:
    """The small files of the base in `folder`, its own code included when it names any."""
    found = {name: (folder / name).read_bytes() for name in TEXT_FILES if (folder / name).is_file()}
    if has_code(found):
        found |= {path.name: path.read_bytes() for path in sorted(folder.glob(f"*{CODE_SUFFIX}")) if path.is_file()}
    return found


def json_in(texts: Texts, name: str) -> dict[str, Any]:
    """The JSON object of one of them, {} where it is not there.

    Raises:
        UserError: it is not a JSON object.
    """
    if name not in texts:
        return {}
    try:
        content = json.loads(texts[name])
    except (ValueError, RecursionError) as error:
        raise UserError("base_json_broken", f"{name} of the base model is not valid JSON.") from error
    if not isinstance(content, dict):
        raise UserError("base_json_broken", f"{name} of the base model is not a JSON object.")
    return content


def has_code(texts: Texts) -> bool:
    """Whether its config, or that of its tokenizer, names classes of its own, which are Python files beside them."""
    return bool(named_code(texts))


def named_code(texts: Texts) -> list[str]:
    """The Python files that its configs name, as written there: `modeling_x.py`, or `owner/name--file.py`."""
    names = {
        reference.rpartition(".")[0] + CODE_SUFFIX
        for name in (CONFIG, TOKENIZER_CONFIG)
        for reference in _texts(json_in(texts, name).get(AUTO_MAP))
    }
    return sorted(names)


def _texts(value: object) -> Iterator[str]:
    """All texts in a class's reference: one, or a list for the slow and the fast tokenizer."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def chat_template_in(texts: Texts) -> str:
    """The chat template's text, "" where the base has none."""
    if CHAT_TEMPLATE in texts:
        # Line ends as a file that is opened for reading has them, so that the digest stays what it was.
        text = texts[CHAT_TEMPLATE].decode("utf-8", errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    template = json_in(texts, TOKENIZER_CONFIG).get("chat_template")
    if isinstance(template, str) or not template:
        return template or ""
    named = {str(item.get("name")): str(item.get("template")) for item in template if isinstance(item, dict)}
    return named.get("default") or canonical(named)


def canonical_tokenizer(texts: Texts) -> dict[str, Any]:
    """tokenizer.json in one spelling, without what its last user set; {} where there is none."""
    tokenizer = json_in(texts, TOKENIZER)
    for state in ("version", "truncation", "padding"):  # written by whoever used it last
        tokenizer.pop(state, None)
    model = tokenizer.get("model")
    if isinstance(model, dict) and isinstance(model.get("merges"), list):
        model["merges"] = [m.split(" ", 1) if isinstance(m, str) else m for m in model["merges"]]
    return tokenizer


def special_tokens(texts: Texts) -> dict[str, Any]:
    """The special tokens by role, and whether they are added to every text."""
    merged = json_in(texts, SPECIAL_TOKENS) | json_in(texts, TOKENIZER_CONFIG)
    roles = ("additional_special_tokens", "extra_special_tokens", "add_bos_token", "add_eos_token")
    chosen = {key: _token(merged[key]) for key in merged if key.endswith("_token") or key in roles}
    return {key: value for key, value in chosen.items() if value not in (None, [], {})}


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted, and 10000.0 as 10000, whichever a library's version writes."""
    return json.dumps(_plain_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _token(value: Any) -> Any:
    """A token's text, whether it was saved as text or as an object with flags."""
    if isinstance(value, dict) and "content" in value:
        return value["content"]
    return [_token(item) for item in value] if isinstance(value, list) else value


def _plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
