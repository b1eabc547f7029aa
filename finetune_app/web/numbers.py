"""Numbers in what a browser sends."""

from finetune_app.names import NUMBER_DIGITS


def number_in(text: str) -> int | None:
    """The number that the text is, when it is one that a number column can hold; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else None
