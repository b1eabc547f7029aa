"""Secrets and personal data in a text: where they are, and the text without them. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from finetune_app.datasets.findings import FindingCode
from workers.findings.patterns import PATTERNS, Pattern
from workers.findings.spot import Spot

MASK = "…"
SHOWN_START, SHOWN_END = 4, 2
# What every number that is looked for without a word of its own has; most rows have nothing like it.
MANY_DIGITS = re.compile(r"[0-9](?:[ .\-/()]{0,2}[0-9A-Z]){8}")


def secrets_in(text: str) -> dict[FindingCode, Spot]:
    """The first secret of each code, masked, with how many more there are."""
    spots: dict[FindingCode, Spot] = {}
    counts: dict[FindingCode, int] = {}
    for pattern, found in _matches(text):
        code = pattern.code
        counts[code] = counts.get(code, 0) + 1
        if code not in spots or found.start() < spots[code].start:
            spots[code] = Spot(found.start(), found.end(), f"{pattern.name}: {mask(found.group())}")
    return {code: _with_count(spot, counts[code] - 1) for code, spot in spots.items()}


def masked(text: str) -> str:
    """The text with the middle of every secret taken out."""
    parts: list[str] = []
    end = 0
    for found in sorted((found for _, found in _matches(text)), key=re.Match.start):
        parts += [text[end : found.start()], mask(found.group())]
        end = found.end()
    return "".join([*parts, text[end:]]) if parts else text


def mask(secret: str) -> str:
    """The beginning and the end, at most six characters; of a private key the header alone."""
    if secret.startswith("-----BEGIN "):
        return secret[: secret.index("-----", len("-----BEGIN ")) + 5] + MASK
    start = min(SHOWN_START, len(secret) // 4)
    end = min(SHOWN_END, len(secret) // 8)
    return f"{secret[:start]}{MASK}{secret[len(secret) - end :] if end else ''}"


def _with_count(spot: Spot, more: int) -> Spot:
    return Spot(spot.start, spot.end, f"{spot.detail}, and {more:,} more") if more else spot


def _matches(text: str) -> Iterator[tuple[Pattern, re.Match[str]]]:
    """Every secret, none inside another: the patterns that come first are surer."""
    has_numbers = MANY_DIGITS.search(text) is not None
    taken: list[tuple[int, int]] = []  # in order, and apart from each other
    for pattern in PATTERNS:
        if not (any(word in text for word in pattern.words) if pattern.words else has_numbers):
            continue
        before = len(taken)
        for found in pattern.regex.finditer(text):
            if _is_free(taken, before, found.span()) and pattern.holds(found.group()):
                taken.append(found.span())
                yield pattern, found
        if before and before < len(taken):
            taken.sort()


def _is_free(taken: list[tuple[int, int]], count: int, span: tuple[int, int]) -> bool:
    """Whether none of the first `count` spans that are taken overlaps."""
    at = bisect_left(taken, span, hi=count)
    return (at == count or taken[at][0] >= span[1]) and (at == 0 or taken[at - 1][1] <= span[0])
