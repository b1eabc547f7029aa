"""The tokenizer of a merged model as llama.cpp wants to be told of it, and only if it does the same there."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
from gguf import TokenType
from transformers import AutoTokenizer, GenerationConfig

from workers.gguf_exporter.piece_scores import MORE_SPACE, piece_scores, space_prefix
from workers.gguf_exporter.pre_tokenizers import INEXACT, KNOWN, has_marks, pre_tokenizer_name
from workers.gguf_exporter.unfit import unfit

WORD = "word"
MARK = re.compile(r"{%([-+]?)\s*(end)?generation\s*([-+]?)%}")


@dataclass
class Vocabulary:
    """All that a GGUF file says of a tokenizer.

    Attributes:
        model: llama.cpp's name for the kind of tokenizer.
        pre: its name for the way to cut text into words; empty for a kind that cuts none.
        remarks: what it does otherwise there, in words.
        same_for: whether a text should become the same tokens there, whatever the remarks say.
    """

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    adds_space: bool | None = None
    special: dict[str, int] = field(default_factory=dict)
    adds_bos: bool = False
    adds_eos: bool = False
    template: str | list[dict[str, str]] | None = None
    remarks: list[str] = field(default_factory=list)
    same_for: Callable[[str], bool] = lambda _text: True


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer as transformers has it.

    Raises:
        ChildFailure: transformers cannot load it, or it is none of the fast ones.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        raise unfit(f"The tokenizer cannot be loaded: {error}") from error
    if not tokenizer.is_fast:
        raise unfit("The tokenizer has no definition that can be read (tokenizer.json).")
    return tokenizer


def read_vocabulary(folder: Path, tokenizer: Any, rows: int) -> Vocabulary:
    """What the tokenizer is; `rows` are those of the model's embedding.

    Raises:
        ChildFailure: llama.cpp knows none that does the same.
    """
    definition: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    model = definition["model"]
    if model["type"] != "BPE":
        raise unfit(f"The tokenizer is of the kind {model['type']}; only BPE can be told to llama.cpp here.")
    if any(model.get(key) for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout")):
        raise unfit("The tokenizer marks parts of words in a way that llama.cpp does not know.")
    tokens, types = _tokens(definition, rows)
    read = _pieces if model.get("byte_fallback") else _byte_level
    found = read(definition, tokens, types)
    _add_special(found, folder, tokenizer)
    _add_template(found, tokenizer)
    found.remarks += _added_token_remarks(definition)
    return found


def _tokens(definition: dict[str, Any], rows: int) -> tuple[list[str], list[int]]:
    tokens = [f"[PAD{number}]" for number in range(rows)]
    types = [int(TokenType.UNUSED)] * rows
    entries = [(number, token, TokenType.NORMAL) for token, number in definition["model"]["vocab"].items()]
    for added in definition["added_tokens"]:
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        entries.append((added["id"], added["content"], kind))
    for number, token, kind in entries:
        if number >= rows:
            raise unfit(f"The tokenizer has the token {token} with the number {number}; the model has {rows} tokens.")
        tokens[number], types[number] = token, int(kind)
    return tokens, types


def _byte_level(definition: dict[str, Any], tokens: list[str], types: list[int]) -> Vocabulary:
    pre = pre_tokenizer_name(definition)
    if pre is None:
        known = ", ".join(sorted(KNOWN.values()))
        raise unfit(
            f"The tokenizer cuts text into words in a way that llama.cpp is not known for. It has these: {known}."
        )
    remarks = []
    match definition.get("normalizer"):
        case None | {"type": "Sequence", "normalizers": []}:
            pass
        case {"type": "NFC"} | {"type": "Sequence", "normalizers": [{"type": "NFC"}]}:
            remarks.append(
                "llama.cpp does not compose characters (NFC), as the tokenizer does: compose the text before."
            )
        case other:
            raise unfit(f"The tokenizer changes the text before it ({other['type']}), which llama.cpp would not do.")
    merges = [" ".join(pair) for pair in definition["model"]["merges"]]
    found = Vocabulary("gpt2", pre, tokens, types, merges=merges, remarks=remarks)
    if pre in INEXACT:
        found.remarks.append(INEXACT[pre])
        found.same_for = lambda text: not has_marks(text)
    return found


def _pieces(definition: dict[str, Any], tokens: list[str], types: list[int]) -> Vocabulary:
    """A tokenizer that was made with SentencePiece: pieces with scores, and bytes for what no piece has."""
    adds_space, remarks = space_prefix(definition)
    scores = piece_scores(definition["model"], {added["content"] for added in definition["added_tokens"]})
    for number, token in enumerate(tokens):
        if types[number] == TokenType.NORMAL and len(token) == len("<0x00>") and token.startswith("<0x"):
            types[number] = int(TokenType.BYTE)
    unknown = definition["model"].get("unk_token")
    if unknown in tokens:
        types[tokens.index(unknown)] = int(TokenType.UNKNOWN)
    found = Vocabulary(
        "llama",
        "default",
        tokens,
        types,
        scores=[scores.get(token, 0.0) for token in tokens],
        adds_space=adds_space,
        remarks=remarks,
    )
    if MORE_SPACE in remarks:
        found.same_for = lambda text: not text.startswith(" ")
    return found


def _add_special(found: Vocabulary, folder: Path, tokenizer: Any) -> None:
    for name in ("bos", "eos", "unk", "pad"):
        number = getattr(tokenizer, f"{name}_token_id")
        if number is not None:
            found.special[name] = int(number)
    ends = _end_tokens(folder)
    eos = found.special.get("eos")
    others = [number for number in ends if number != eos]
    found.special |= dict(zip(("eot", "eom"), others, strict=False))
    if len(others) > 2:  # noqa: PLR2004 - those two
        found.remarks.append(f"Of the tokens that end an answer, llama.cpp is told of {eos} and {others[:2]} only.")
    plain, framed = tokenizer.encode(WORD, add_special_tokens=False), tokenizer.encode(WORD)
    begins = next((place for place in range(len(framed)) if framed[place : place + len(plain)] == plain), 0)
    before, after = framed[:begins], framed[begins + len(plain) :]
    found.adds_bos, found.adds_eos = bool(before), bool(after)
    if before not in ([], [found.special.get("bos")]) or after not in ([], [eos]):
        raise unfit("The tokenizer frames texts with other tokens than one for the beginning and one for the end.")


def _end_tokens(folder: Path) -> list[int]:
    try:
        ends = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
    except OSError:
        return []
    if ends is None:
        return []
    return [int(number) for number in (ends if isinstance(ends, list) else [ends])]


def _add_template(found: Vocabulary, tokenizer: Any) -> None:
    template = tokenizer.chat_template
    if isinstance(template, dict):
        found.template = [{"name": name, "template": plain_template(text)} for name, text in sorted(template.items())]
    elif template:
        found.template = plain_template(template)


def plain_template(text: str) -> str:
    """The template without the marks of the assistant's turns, which only transformers knows; it writes the same."""
    return MARK.sub(lambda found: f"{{%{found[1]} {'endif' if found[2] else 'if true'} {found[3]}%}}", text)


def _added_token_remarks(definition: dict[str, Any]) -> list[str]:
    """Tokens that take white space beside them along, which llama.cpp leaves."""
    greedy = [added["content"] for added in definition["added_tokens"] if added["lstrip"] or added["rstrip"]]
    return (
        [f"These tokens take white space beside them along, but not in llama.cpp: {', '.join(greedy)}."]
        if greedy
        else []
    )


def add_vocabulary(writer: gguf.GGUFWriter, found: Vocabulary) -> None:
    """Write it into the file's metadata."""
    writer.add_tokenizer_model(found.model)
    writer.add_tokenizer_pre(found.pre)
    writer.add_token_list(found.tokens)
    writer.add_token_types(found.types)
    if found.scores:
        writer.add_token_scores(found.scores)
    if found.merges:
        writer.add_token_merges(found.merges)
    for name, number in found.special.items():
        getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(found.adds_bos)
    writer.add_add_eos_token(found.adds_eos)
    if found.adds_space is not None:
        writer.add_add_space_prefix(found.adds_space)
    if found.template:
        writer.add_chat_template(found.template)
