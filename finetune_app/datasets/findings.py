"""What can be doubtful about a row: every check's code, title and sentence, and the shape of what was found. Pure.

The child in `workers/findings/` makes these, the page and REST show them.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class FindingCode(StrEnum):
    """The stable codes, in the order in which they are shown."""

    LEAK = "leak"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    ROLES_OUT_OF_ORDER = "roles_out_of_order"
    EMPTY_TURN = "empty_turn"
    SHORT_ANSWER = "short_answer"
    LONG_ANSWER = "long_answer"
    BROKEN_TEXT = "broken_text"
    CONTROL_CHARACTERS = "control_characters"
    PRIVATE_KEY = "private_key"
    API_KEY = "api_key"
    CARD_NUMBER = "card_number"
    IBAN = "iban"
    EMAIL = "email"
    PHONE_NUMBER = "phone_number"


class Severity(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"  # it makes the model or its scores worse
    WARNING = "warning"  # it may be meant; a person decides


@dataclass(frozen=True)
class FindingKind:
    """What people are told about a code: `text` says why it matters and what to do."""

    code: FindingCode
    severity: Severity
    title: str
    text: str


KINDS: dict[FindingCode, FindingKind] = {
    kind.code: kind
    for kind in (
        FindingKind(
            FindingCode.LEAK,
            Severity.PROBLEM,
            "Held-out rows that are also trained on",
            "A score on a row that the model has learned by heart says nothing, so these flatter every score. Drop "
            "them: the training copy goes, the held-out row stays.",
        ),
        FindingKind(
            FindingCode.DUPLICATE,
            Severity.PROBLEM,
            "Exact duplicates",
            "The same row twice counts twice in every epoch and is learned by heart. Drop them: the first of each "
            "group stays. Blanks do not count.",
        ),
        FindingKind(
            FindingCode.NEAR_DUPLICATE,
            Severity.WARNING,
            "Near duplicates",
            "Rows that share at least about 80 % of their word triples teach little more than one of them. Case, "
            "punctuation and wording that stands in many rows do not count. Look at some; when you drop them, the "
            "first of each group stays.",
        ),
        FindingKind(
            FindingCode.ROLES_OUT_OF_ORDER,
            Severity.PROBLEM,
            "Roles out of order",
            "Many chat templates refuse such a row or write it in a way that the model never meets later. Mend the "
            "rows in your file, or drop them.",
        ),
        FindingKind(
            FindingCode.EMPTY_TURN,
            Severity.PROBLEM,
            "Empty turns",
            "A turn without words teaches the model to answer nothing. Mend the rows in your file, or drop them.",
        ),
        FindingKind(
            FindingCode.SHORT_ANSWER,
            Severity.WARNING,
            "Very short answers",
            "Answers far shorter than the others are often cut off or left unfinished. Look at some; drop them when "
            "they are not meant.",
        ),
        FindingKind(
            FindingCode.LONG_ANSWER,
            Severity.WARNING,
            "Very long answers",
            "Answers far longer than the others are often several rows run together, and they are the first that the "
            "max length cuts off. Look at some; drop them when they are not meant.",
        ),
        FindingKind(
            FindingCode.BROKEN_TEXT,
            Severity.PROBLEM,
            "Text that was decoded wrongly",
            "Characters such as “Ã©” or “�” come from reading a file in the wrong encoding; the model would learn to "
            "write them. Export the file again as UTF-8, or drop the rows.",
        ),
        FindingKind(
            FindingCode.CONTROL_CHARACTERS,
            Severity.WARNING,
            "Control characters",
            "Invisible characters other than line breaks and tabs cost tokens and teach nothing. Clean the file, or "
            "drop the rows.",
        ),
        FindingKind(
            FindingCode.PRIVATE_KEY,
            Severity.PROBLEM,
            "Private keys",
            "A model can repeat what it was trained on, word for word, to anybody. Drop the rows, and replace the key "
            "wherever it is in use.",
        ),
        FindingKind(
            FindingCode.API_KEY,
            Severity.PROBLEM,
            "API keys and tokens",
            "A model can repeat what it was trained on, word for word, to anybody. Drop the rows, and revoke the key.",
        ),
        FindingKind(
            FindingCode.CARD_NUMBER,
            Severity.WARNING,
            "Payment card numbers",
            "Numbers with the length, first digits and check digit of a payment card. A model can repeat them; drop "
            "the rows unless they are made up.",
        ),
        FindingKind(
            FindingCode.IBAN,
            Severity.WARNING,
            "Bank account numbers",
            "IBANs with a valid checksum. A model can repeat them; drop the rows unless they are made up.",
        ),
        FindingKind(
            FindingCode.EMAIL,
            Severity.WARNING,
            "E-mail addresses",
            "Addresses of people are personal data, and a model can repeat them. Keep those that it should know, such "
            "as your support's; drop or mask the others.",
        ),
        FindingKind(
            FindingCode.PHONE_NUMBER,
            Severity.WARNING,
            "Phone numbers",
            "Numbers of people are personal data, and a model can repeat them. Keep those that it should know, such "
            "as your hotline; drop or mask the others.",
        ),
    )
}
CODES = tuple(KINDS)
GROUPED = frozenset({FindingCode.LEAK, FindingCode.DUPLICATE, FindingCode.NEAR_DUPLICATE})  # they name another row


class Finding(Struct, frozen=True, omit_defaults=True):
    """One row that a check found; a row has at most one finding of each code.

    Attributes:
        row: the row that would be dropped, numbered as in the file.
        code: the check.
        detail: what exactly, short; secrets are masked.
        other: the row that stays instead, for codes in `GROUPED`.
        text: the spot in the row, for the first findings of each code; secrets are masked.
        other_text: the same of the other row.
    """

    row: int
    code: FindingCode
    detail: str
    other: int | None = None
    text: str = ""
    other_text: str = ""


class CodeSummary(Struct, frozen=True):
    """One code's findings: how many rows, in how many groups (0 where rows stand alone), and where they lie.

    `marks` are the bytes at which every `MARK_EVERY`th finding begins in the findings file; `end` is where the code's
    last one ends.
    """

    rows: int
    groups: int
    marks: list[int]
    end: int


class FindingsSummary(Struct, frozen=True):
    """What was found in a version's `rows` rows.

    `combinations` counts the rows by the exact set of codes that they have, so that the rows of any choice of codes
    can be summed without counting one twice. `has_splits` says whether rows could leak from one split to the other.
    """

    rows: int
    has_splits: bool
    codes: dict[FindingCode, CodeSummary]
    combinations: list[tuple[list[FindingCode], int]]

    def rows_with(self, codes: frozenset[FindingCode]) -> int:
        """How many distinct rows have at least one of the codes."""
        return sum(count for combination, count in self.combinations if codes.intersection(combination))


MARK_EVERY = 200
FINDINGS_NAME = "findings.jsonl"
SUMMARY_NAME = "summary.json"
