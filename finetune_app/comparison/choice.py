"""Which versions are compared: what a page or a REST client names, and what is wrong with it."""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.access import find_adapter_version
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.errors import InvalidFields, UserError

FIELD = "v"
LEAST, MOST = 2, 8
LETTERS = "ABCDEFGH"
HOW_TO_CHOOSE = f"Name {LEAST} to {MOST} versions: name@3, name@production, or a name alone for the newest."


@dataclass(frozen=True)
class Chosen:
    """One field of the form: what was typed, the version that it means, or why it means none."""

    text: str
    version: AdapterVersion | None = None
    error: str = ""


@dataclass(frozen=True)
class Choice:
    """All that was chosen, in its order. `error` is what is wrong with all of it together."""

    chosen: list[Chosen]
    error: str = ""

    @property
    def versions(self) -> list[AdapterVersion]:
        """Those that could be found."""
        return [one.version for one in self.chosen if one.version]

    @property
    def is_whole(self) -> bool:
        """Whether they can be compared."""
        return not self.error and len(self.versions) == len(self.chosen) >= LEAST

    def require(self) -> list[AdapterVersion]:
        """The versions.

        Raises:
            InvalidFields: one cannot be found, or there are too few or too many.
        """
        errors = {f"{FIELD}[{place}]": one.error for place, one in enumerate(self.chosen) if one.error}
        if errors:
            raise InvalidFields(errors)
        if not self.is_whole:
            raise UserError("versions_to_compare", self.error or HOW_TO_CHOOSE, field=FIELD)
        return self.versions


def choose(access: Access, references: Iterable[str]) -> Choice:
    """The versions that these references mean; fields that were left empty do not count."""
    texts = [text for reference in references if (text := reference.strip())]
    if len(texts) > MOST:
        return Choice(
            [Chosen(text) for text in texts[:MOST]],
            f"{len(texts)} versions are too many to be compared at once. {HOW_TO_CHOOSE}",
        )
    chosen: list[Chosen] = []
    seen: set[int] = set()
    for text in texts:
        one = _chosen(access, text)
        if one.version and one.version.pk in seen:
            one = Chosen(text, error=f"This is {one.version}, which is chosen already. Choose another one.")
        elif one.version:
            seen.add(one.version.pk)
        chosen.append(one)
    return Choice(chosen)


def _chosen(access: Access, text: str) -> Chosen:
    try:
        return Chosen(text, find_adapter_version(access, text, field=FIELD))
    except UserError as error:
        return Chosen(text, error=error.message)
