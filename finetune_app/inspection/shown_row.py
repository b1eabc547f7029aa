"""A row as the model will see it, read from the task that made it, under one max length."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs


class Part(StrEnum):
    """What training does with a token."""

    TRAINED = "trained"
    MASKED = "masked"
    CUT = "cut"


Stretch = tuple[int, int]  # first token, and the one after the last
VISIBLE = str.maketrans({" ": "·", "\n": "↵\n", "\t": "⇥\t", "\r": "␍"})


@dataclass(frozen=True)
class ShownToken:
    """One token; `piece` is the text that it stands for, "" when another token has it or when it has none."""

    position: int
    id: int
    piece: str
    special: bool
    name: str
    part: Part

    @property
    def visible(self) -> str:
        """The piece with its blanks and line breaks to be seen; the token's name where it has no piece."""
        return self.piece.translate(VISIBLE) or self.name


@dataclass(frozen=True)
class ShownRow:
    """The tokens of a row; `tokens` leaves out those beyond the longest max length, `total` counts them all.

    Learned is what lies in `stretches`; `learned_from` is where the first begins.
    """

    row: int
    is_text: bool
    max_length: int
    total: int
    learned_from: int
    stretches: Sequence[Stretch]
    tokens: Sequence[ShownToken]
    remarks: Sequence[str]

    @property
    def text(self) -> str:
        """The row after the chat template."""
        return "".join(token.piece for token in self.tokens)

    @property
    def kept(self) -> int:
        """Tokens within the max length."""
        return min(self.total, self.max_length)

    @property
    def counts(self) -> dict[Part, int]:
        """How many tokens are of each part."""
        learned = sum(max(0, min(end, self.kept) - start) for start, end in self.stretches)
        return {Part.TRAINED: learned, Part.MASKED: self.kept - learned, Part.CUT: self.total - self.kept}

    @property
    def warnings(self) -> list[str]:
        """What its owner should know before training, the worst first."""
        found = list(self.remarks)
        answer = "text" if self.is_text else "answer"
        cut = self.counts[Part.CUT]
        if self.learned_from >= self.total:
            found.insert(0, "The chat template writes nothing of the answer, so there is nothing to learn.")
        elif self.counts[Part.TRAINED] == 0:
            found.insert(
                0,
                f"Nothing is left to learn from within {self.max_length:,} tokens, so a job refuses this row. "
                f"The answer begins at a max length of {self.learned_from + 1:,} and is whole at {self.total:,}.",
            )
        elif cut:
            found.insert(
                0, f"The {answer} loses its last {cut:,} tokens. A max length of {self.total:,} keeps all of it."
            )
        return found


def shown_row(task: DatasetTask, max_length: int) -> ShownRow:
    """What a PREVIEW task that succeeded has found.

    Raises:
        blobs.BlobMissing: the storage lost it.
        blobs.BlobDamaged: the file in the storage is not what it was.
    """
    result: dict[str, Any] = task.result
    shown = result["shown"] if "shown" in result else json.loads(blobs.read(result["blob"]))
    first = shown["learned_from"]
    stretches = [(start, end) for start, end in shown.get("stretches") or [(first, max(first, shown["total"]))]]
    parts = _parts(len(shown["tokens"]), stretches, max_length)
    return ShownRow(
        row=shown["row"],
        is_text=shown["is_text"],
        max_length=max_length,
        total=shown["total"],
        learned_from=first,
        stretches=stretches,
        tokens=[
            ShownToken(position, id_, piece, bool(special), name, part)
            for position, ((id_, piece, special, name), part) in enumerate(zip(shown["tokens"], parts, strict=True))
        ],
        remarks=shown["remarks"],
    )


def _parts(count: int, stretches: Sequence[Stretch], max_length: int) -> list[Part]:
    kept = min(count, max_length)
    parts = [Part.MASKED] * kept + [Part.CUT] * (count - kept)
    for start, end in stretches:
        parts[start : min(end, kept)] = [Part.TRAINED] * max(0, min(end, kept) - start)
    return parts
