"""Where the turns of the assistant stand in a row's text, for a loss that is kept to them.

A template that marks them with `{% generation %}` says so itself. With any other the row is written up to each turn and
through it: what the second has beyond the first is the turn, as long as the template only appends. Where it does not,
nothing is guessed.
"""

import re
from collections.abc import Callable, Sequence
from itertools import takewhile

from finetune_app.datasets.template_messages import TemplateMessage
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure

MARKS_TURNS = re.compile(r"\{%-?\s*generation\s*-?%\}")
Stretch = tuple[int, int]  # first, and the one after the last
Render = Callable[[Sequence[TemplateMessage], bool], str]


def marks_turns(template: str | None) -> bool:
    """Whether the chat template says by itself what the assistant writes."""
    return bool(template and MARKS_TURNS.search(template))


def turns_in_text(number: int, messages: Sequence[TemplateMessage], whole: str, render: Render) -> list[Stretch]:
    """The characters of `whole` that the assistant writes, one stretch for each of its turns.

    Args:
        number: the row's.
        messages: all of the row.
        whole: what the template makes of them.
        render: writes some of them; its second argument asks for an answer at the end.

    Raises:
        ChildFailure: ASSISTANT_UNKNOWN, when the turns cannot be told apart.
    """
    found = []
    for position, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        try:
            given = render(messages[:position], False)
            asked = render(messages[:position], True)
            through = render(messages[: position + 1], False)
        except ChildFailure as error:
            raise _unknown(number, position, "it refuses the messages up to there") from error
        if not (asked.startswith(given) and through.startswith(given) and whole.startswith(through)):
            raise _unknown(number, position, "it writes earlier messages otherwise when more follow")
        found.append((_common_length(asked, through), len(through)))
    return found


def _common_length(text: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False)))


def tokens_of(stretches: Sequence[Stretch], offsets: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Stretches of characters as stretches of tokens, whose characters are `offsets`; a token in part is in it whole.

    The first token of a row is in none: nothing stands before it that could foretell it.
    """
    found = []
    for start, end in stretches:
        inside = [index for index, (first, last) in enumerate(offsets) if index and first < end and last > start]
        if inside:
            found.append((inside[0], inside[-1] + 1))
    return tuple(found)


def marked_tokens(mask: Sequence[int]) -> tuple[Stretch, ...]:
    """Stretches of ones in a mask, the first token aside."""
    edges = [
        index
        for index in range(1, len(mask) + 1)
        if (mask[index - 1] if index > 1 else 0) != (mask[index] if index < len(mask) else 0)
    ]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _unknown(number: int, position: int, why: str) -> ChildFailure:
    return ChildFailure(
        Cause.ASSISTANT_UNKNOWN,
        f"Row {number}, message {position + 1}: the chat template does not show where the turn begins and ends, since "
        f"{why}. Learn from the last answer only, or take a template that marks the turns with {{% generation %}}.",
    )
