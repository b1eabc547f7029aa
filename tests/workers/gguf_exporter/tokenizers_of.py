"""Small tokenizers of each kind that llama.cpp knows, trained on a few languages."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers, trainers

from tests.tiny import CORPUS, SPECIAL_TOKENS, VOCABULARY
from workers.gguf_exporter.pre_tokenizers import LLAMA3, QWEN2, TEKKEN

TEXTS = (
    *CORPUS,
    "Hello, how are you? You'll see, we're fine. I'M HERE. HTTPServer and getName()",
    "1 12 123 1234 12345 2024-11-26 3.14 1,000,000",
    "def f(x):\n    return x\n\n\nclass A:\n        pass  # end\t\t.\r\n",
    "Größe façade naïve. Быстрая лиса прыгает через собаку. Γειά σου κόσμε",
    "敏捷的狐狸跳过去。日本語のテキスト。안녕하세요 세계. שלום עולם مرحبا بالعالم नमस्ते दुनिया",
)
MODEL: dict[str, Any] = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
    "vocab": {},
    "merges": [],
}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
GPT2 = BYTES | {"use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
PREPENDED = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, SPACES]}
META = {"type": "Metaspace", "replacement": "▁", "split": False}


def _split(regex: str) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, BYTES]}


# llama.cpp's name → the definition, and whether words that are tokens are taken whole
PRE_TOKENIZERS: dict[str, tuple[dict[str, Any], bool]] = {
    "gpt-2": (GPT2, False),
    "smollm": ({"type": "Sequence", "pretokenizers": [DIGITS, GPT2]}, False),
    "llama-bpe": (_split(LLAMA3), True),
    "smaug-bpe": (_split(LLAMA3), False),
    "qwen2": (_split(QWEN2), False),
    "tekken": (_split(TEKKEN), True),
}
# How SentencePiece's tokenizers treat spaces: normalizer and pre-tokenizer.
SPACE_WAYS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "prepended": (PREPENDED, None),
    "kept": (SPACES, None),
    "always": (None, META | {"prepend_scheme": "always"}),
    "first": (None, META | {"prepend_scheme": "first"}),
    "never": (None, META | {"prepend_scheme": "never"}),
}


def use_byte_level(folder: Path, pre: str) -> None:
    """Give the model a byte-level tokenizer that cuts text into words like llama.cpp's `pre`."""
    definition, takes_whole = PRE_TOKENIZERS[pre]
    tokenizer = _untrained(None, definition, {"ignore_merges": takes_whole})
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


def use_pieces(folder: Path, spaces: str) -> None:
    """Give the model a tokenizer as one that was made with SentencePiece looks after its conversion."""
    normalizer, pre = SPACE_WAYS[spaces]
    tokenizer = _untrained(normalizer, pre, {"byte_fallback": True, "fuse_unk": True, "unk_token": SPECIAL_TOKENS[0]})
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    special = [*SPECIAL_TOKENS, *fallback]
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False, limit_alphabet=60)
    tokenizer.train_from_iterator(TEXTS, trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [each for each in definition["added_tokens"] if each["content"] in SPECIAL_TOKENS]
    model = definition["model"]
    model["merges"] = _all_ways(model["vocab"], set(special))
    (folder / "tokenizer.json").write_text(json.dumps(definition))


def _untrained(normalizer: dict[str, Any] | None, pre: dict[str, Any] | None, model: dict[str, Any]) -> Tokenizer:
    definition = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre,
        "post_processor": None,
        "decoder": None,
        "model": MODEL | model,
    }
    return Tokenizer.from_str(json.dumps(definition))


def _all_ways(vocabulary: dict[str, int], special: set[str]) -> list[list[str]]:
    """Every way to make each piece, the pieces in their order, as a conversion from SentencePiece lists them."""
    pieces = sorted(vocabulary.keys() - special, key=vocabulary.__getitem__)
    return [
        [piece[:cut], piece[cut:]]
        for piece in pieces
        for cut in range(1, len(piece))
        if piece[:cut] in vocabulary and piece[cut:] in vocabulary
    ]
