"""The scores of a SentencePiece tokenizer, found again from the merges that a `tokenizer.json` has. Pure.

llama.cpp joins whichever neighbours make the piece with the best score; tokenizers joins those that stand first in its
list of merges. Both do the same where the list has every way to make a piece, and all ways to make one piece stand
together: so it is in lists that were made from SentencePiece's scores. Whatever is not so is no such tokenizer.
"""

from collections import Counter
from typing import Any

from workers.gguf_exporter.unfit import unfit

SPACE = "▁"
MORE_SPACE = "Before a text that begins with a space llama.cpp puts one more, and the tokenizer does not."
AFTER_SPECIAL = "After a special token llama.cpp puts a space before the text, and the tokenizer does not."


def piece_scores(model: dict[str, Any], added: set[str]) -> dict[str, float]:
    """A score for each piece that merges make; the better one comes first.

    Args:
        model: of a `tokenizer.json`.
        added: tokens that are found in a text before it is cut into pieces.

    Raises:
        ChildFailure: the merges are not those of a SentencePiece model.
    """
    scores: dict[str, float] = {}
    ways: Counter[str] = Counter()
    last = ""
    for rank, (left, right) in enumerate(model["merges"]):
        piece = left + right
        if piece != last and piece in scores:
            raise unfit(f"The tokenizer's merges follow no order of pieces (see {piece}), as llama.cpp needs it.")
        last = piece
        scores.setdefault(piece, -float(rank))
        ways[piece] += 1
    vocabulary = model["vocab"]
    for piece in vocabulary.keys() - added:
        possible = sum(piece[:cut] in vocabulary and piece[cut:] in vocabulary for cut in range(1, len(piece)))
        if possible != ways[piece]:
            raise unfit(f"The tokenizer makes {piece} in {ways[piece]} of {possible} ways; llama.cpp would use all.")
    return scores


def space_prefix(definition: dict[str, Any]) -> tuple[bool, list[str]]:
    """Whether a text gets a space before it, and what llama.cpp does otherwise.

    Raises:
        ChildFailure: the tokenizer handles spaces in another way than SentencePiece.
    """
    match definition.get("normalizer"), definition.get("pre_tokenizer"):
        case {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}, None:
            _require_spaces(replace)
            return True, []
        case {"type": "Replace"} as replace, None:
            _require_spaces(replace)
            return False, []
        case None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}:
            remarks = [MORE_SPACE] if scheme != "never" else []
            return scheme != "never", [*remarks, AFTER_SPECIAL] if scheme == "first" else remarks
        case _:
            raise unfit("The tokenizer treats spaces in a way that llama.cpp does not know.")


def _require_spaces(replace: Any) -> None:
    if replace != {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}:
        raise unfit("The tokenizer replaces more than spaces before it reads a text, which llama.cpp would not do.")
