"""The shapes of secrets and personal data, with where each comes from. Pure.

Every pattern reads a text once, whatever stands in it: no part can be split in two ways, and what may be long begins
where a word begins. `words` are looked for first, because most rows have none of them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from finetune_app.datasets.findings import FindingCode
from workers.findings.checksums import is_card_number, is_iban

# RFC 2606 and RFC 6761 keep these for examples; nobody has an address there.
EXAMPLE_DOMAIN = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", re.IGNORECASE)
FILE_ENDINGS = frozenset({"css", "gif", "html", "jpeg", "jpg", "js", "png", "py", "svg", "webp"})  # logo@2x.png
# The North American plan keeps 555-0100 to 555-0199 for fiction.
FICTION = re.compile(r"55501\d\d$")
KEY_LINE = re.compile(r"[A-Za-z0-9+/]{32}")
SHORTEST_NUMBER, LONGEST_NUMBER = 9, 15  # ITU-T E.164 allows 15 digits


@dataclass(frozen=True)
class Pattern:
    """One shape of a code: a match counts when `holds` says so, and one of `words` stands in the text."""

    code: FindingCode
    name: str
    regex: re.Pattern[str]
    words: tuple[str, ...] = ()
    holds: Callable[[str], bool] = bool


def _is_address(found: str) -> bool:
    local, _, domain = found.rpartition("@")
    if EXAMPLE_DOMAIN.search(domain) or domain.rpartition(".")[2].lower() in FILE_ENDINGS:
        return False
    return local != "git"  # git@github.com:owner/name is an address of code


def _is_phone_number(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    return SHORTEST_NUMBER <= len(digits) <= LONGEST_NUMBER and not FICTION.search(digits)


def _is_no_example(found: str) -> bool:
    return "EXAMPLE" not in found  # AWS writes its documentation with AKIAIOSFODNN7EXAMPLE


def _has_digit_and_letter(found: str) -> bool:
    return any(map(str.isdigit, found)) and any(map(str.isalpha, found))


def _has_key(found: str) -> bool:
    return KEY_LINE.search(found) is not None  # a text about keys has the header alone


def _key(name: str, regex: str, *words: str, holds: Callable[[str], bool] = bool) -> Pattern:
    return Pattern(FindingCode.API_KEY, name, re.compile(rf"(?<![A-Za-z0-9_-]){regex}"), words, holds)


PATTERNS: tuple[Pattern, ...] = (
    # RFC 7468, OpenSSH's PROTOCOL.key and RFC 9580 (OpenPGP); the key itself is matched along, so that it is masked.
    Pattern(
        FindingCode.PRIVATE_KEY,
        "private key",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?:(?!-----BEGIN )[\s\S]){1,8000}?-----END [A-Z0-9 ]{0,40}-----|[A-Za-z0-9+/=\s\\]{0,8000})"
        ),
        ("PRIVATE KEY",),
        _has_key,
    ),
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: unique ids begin with AKIA or ASIA
    _key("AWS access key", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", "AKIA", "ASIA", holds=_is_no_example),
    # github.blog, “Behind GitHub's new authentication token formats” (2021)
    _key("GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _key("GitHub token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "github_pat_"),
    # docs.gitlab.com, “Token overview”
    _key("GitLab token", r"glpat-[A-Za-z0-9_-]{20,64}", "glpat-"),
    # platform.openai.com writes sk-, sk-proj- and sk-svcacct-; Anthropic's keys begin with sk-ant-
    _key("OpenAI or Anthropic key", r"sk-[A-Za-z0-9_-]{32,250}", "sk-", holds=_has_digit_and_letter),
    # api.slack.com/concepts/token-types
    _key("Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}", "xox", holds=_has_digit_and_letter),
    # cloud.google.com/docs/authentication/api-keys: 39 characters
    _key("Google API key", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", "AIza"),
    # docs.stripe.com/keys
    _key("Stripe key", r"[sr]k_live_[A-Za-z0-9]{24,250}", "k_live_"),
    # huggingface.co/docs/hub/security-tokens
    _key("Hugging Face token", r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])", "hf_"),
    # RFC 7519: three base64url parts, of which the first two are JSON objects and so begin with eyJ
    _key("JSON web token", r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{16,2000}", "eyJ"),
    # ISO/IEC 7812: 13 to 19 digits in groups, a known network's first digits and Luhn's check digit
    Pattern(
        FindingCode.CARD_NUMBER,
        "card number",
        re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)"),
        holds=is_card_number,
    ),
    # ISO 13616: country, two check digits, then what the country's bank numbers look like, also in groups of four
    Pattern(
        FindingCode.IBAN,
        "IBAN",
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])"),
        holds=is_iban,
    ),
    # the addresses of RFC 5321 that people have: no quotes, no comments, a domain with a dot
    Pattern(
        FindingCode.EMAIL,
        "e-mail address",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@-])"
        ),
        ("@",),
        _is_address,
    ),
    # ITU-T E.123: with the country's code, or as North America writes it; any other row of digits may be anything
    Pattern(
        FindingCode.PHONE_NUMBER,
        "phone number",
        re.compile(r"(?<![\w+.])\+[1-9](?:[ .\-/()]{0,2}\d){7,14}(?![\w])"),
        ("+",),
        _is_phone_number,
    ),
    Pattern(
        FindingCode.PHONE_NUMBER,
        "phone number",
        re.compile(r"(?<![\w.)(-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-.]\d{4}(?![\w-]|\.\d)"),
        holds=_is_phone_number,
    ),
)
