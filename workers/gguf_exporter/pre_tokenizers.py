"""Which of llama.cpp's ways to cut text into words is that of a byte-level BPE tokenizer. Pure.

llama.cpp knows a pre-tokenizer by name only, and one that is almost right gives other tokens without a word. So a
tokenizer is recognised by its whole definition, or not at all.
"""

import unicodedata
from typing import Any

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CASED_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
)
LLAMA3 = rf"{CONTRACTIONS}|{WORDS}|\p{{N}}{{1,3}}|{SIGNS}|{SPACES}"
QWEN2 = rf"{CONTRACTIONS}|{WORDS}|\p{{N}}|{SIGNS}|{SPACES}"
TEKKEN = rf"{CASED_WORDS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{SPACES}"
Step = tuple[Any, ...]

_BYTES_ONLY: Step = ("ByteLevel", False)
_GPT2_WORDS: Step = ("ByteLevel", True)


def _split(regex: str) -> Step:
    return ("Split", regex)


# Steps, and whether a word that is a token as it stands is taken whole, whatever the merges would make of it.
KNOWN: dict[tuple[tuple[Step, ...], bool], str] = {
    ((_GPT2_WORDS,), False): "gpt-2",
    ((("Digits",), _GPT2_WORDS), False): "smollm",
    ((_split(LLAMA3), _BYTES_ONLY), True): "llama-bpe",
    ((_split(LLAMA3), _BYTES_ONLY), False): "smaug-bpe",
    ((_split(QWEN2), _BYTES_ONLY), False): "qwen2",
    ((_split(TEKKEN), _BYTES_ONLY), True): "tekken",
}


# It counts marks as part of no word, where the definition counts them as letters.
INEXACT = {"tekken": "llama.cpp cuts words with combining marks, as in Hindi or Thai, otherwise than the tokenizer."}


def has_marks(text: str) -> bool:
    """Whether there are combining marks in it."""
    return any(unicodedata.category(character).startswith("M") for character in text)


def pre_tokenizer_name(definition: dict[str, Any]) -> str | None:
    """llama.cpp's name for the pre-tokenizer of a `tokenizer.json`; None: it has none that does the same."""
    outer = definition.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers", []) if outer.get("type") == "Sequence" else [outer]
    known = tuple(_step(step) for step in steps)
    if None in known:
        return None
    takes_words_whole = bool(definition["model"].get("ignore_merges"))
    return KNOWN.get((known, takes_words_whole))  # type: ignore[arg-type] # no None is left


def _step(step: dict[str, Any]) -> Step | None:
    match step:
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return ("ByteLevel", bool(step.get("use_regex", True)))
        case {"type": "Digits", "individual_digits": True}:
            return ("Digits",)
        case {"type": "Split", "pattern": {"Regex": str(regex)}, "behavior": "Isolated"} if not step.get("invert"):
            return _split(regex)
        case _:
            return None
