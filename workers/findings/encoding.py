"""Text that was decoded wrongly somewhere on its way, and characters that nobody sees. Pure.

Mojibake is found by ftfy's own measure, which is made to find as good as nothing in text that is right.
"""

import re

from ftfy import fix_encoding
from ftfy.badness import BADNESS_RE

from workers.findings.excerpts import close_by
from workers.findings.spot import Spot

REPLACEMENT = "\ufffd"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
AROUND = 12  # characters of context beside a spot in its detail


def broken_text(text: str) -> Spot | None:
    """The first place that was decoded wrongly."""
    if text.isascii():
        return None
    if (at := text.find(REPLACEMENT)) >= 0:
        count = text.count(REPLACEMENT)
        return Spot(at, at + 1, f"“�” {_times(count)}: bytes that could not be read.")
    if (found := BADNESS_RE.search(text)) is None:
        return None
    seen = close_by(text, found.start(), found.end(), AROUND)
    mended = fix_encoding(seen)
    guess = f" was probably “{_visible(mended)}”." if mended != seen else " reads like a wrong encoding."
    return Spot(found.start(), found.end(), f"“{_visible(seen)}”{guess}")


def control_characters(text: str) -> Spot | None:
    """The first control character other than tab, line feed and carriage return."""
    if (found := CONTROL.search(text)) is None:
        return None
    names = sorted({f"U+{ord(character):04X}" for character in CONTROL.findall(text)})
    more = f" and {len(names) - 3} others" if len(names) > 3 else ""  # noqa: PLR2004 - a few are enough
    return Spot(found.start(), found.end(), f"{', '.join(names[:3])}{more}.")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _visible(text: str) -> str:
    return " ".join(CONTROL.sub("·", text).split())
