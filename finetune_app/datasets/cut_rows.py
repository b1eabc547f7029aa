"""Rows of which a max length leaves nothing to learn from, and the sentence that says so. Pure: both sides use it."""

from dataclasses import dataclass, field

NUMBERS_SHOWN = 10


@dataclass
class CutRows:
    """Counts them; `shortest` is the max length that would keep a token to learn from in each of them.

    Rows that no length helps, because the chat template writes nothing of their answer, count as `hopeless`.
    """

    count: int = 0
    numbers: list[int] = field(default_factory=list)
    shortest: int = 0
    hopeless: int = 0

    def add(self, number: int, *, tokens: int, learned_from: int) -> None:
        """Row `number` of so many tokens, learned from the index `learned_from` on."""
        self.count += 1
        if len(self.numbers) < NUMBERS_SHOWN:
            self.numbers.append(number)
        if learned_from < tokens:
            self.shortest = max(self.shortest, learned_from + 1)
        else:
            self.hopeless += 1

    def sentence(self, max_length: int) -> str:
        """How many, which, and what helps."""
        rows = "1 row has" if self.count == 1 else f"{self.count:,} rows have"
        more = ", …" if self.count > len(self.numbers) else ""
        which = f"row{'' if self.count == 1 else 's'} {', '.join(f'{number:,}' for number in self.numbers)}{more}"
        parts = [f"{rows} no token to learn from within the max length of {max_length:,} tokens: {which}."]
        if self.shortest:
            parts.append(f"The shortest max length that keeps them all is {self.shortest:,}.")
        if self.hopeless:
            parts.append(f"Of {self.hopeless:,} the chat template writes no answer at all, whatever the max length.")
        parts.append("Change the max length, or make a version without them.")
        return " ".join(parts)
