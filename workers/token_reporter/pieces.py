"""Which piece of the text each token stands for."""

from typing import Any

from workers.encoding import EncodedRow, Encoder


def text_pieces(encoder: Encoder, row: EncodedRow, tokenizer: Any) -> list[str]:
    """One piece for each token of the row; together they are `row.text`.

    A character of several tokens belongs to the first of them, and the others have an empty piece, as has a token that
    the tokenizer adds by itself. What a tokenizer drops (some drop blanks) goes with the token after it.
    """
    spans = encoder.pieces(row)
    if spans is None:
        return [tokenizer.decode([token]) for token in row.input_ids]
    pieces, reached = [], 0
    for _, end in spans:
        pieces.append(row.text[reached:end])
        reached = max(reached, end)
    if pieces and reached < len(row.text):
        pieces[-1] += row.text[reached:]
    return pieces
