"""Secrets and personal data are found, masked, and not seen where there are none. All keys here are made up."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finetune_app.datasets.findings import FindingCode
from workers.findings.encoding import broken_text
from workers.findings.secrets import mask, masked, secrets_in

LETTERS = "aB3dE6gH9" * 40
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{LETTERS}\n-----END RSA PRIVATE KEY-----"
KEYS = [
    "AKIA" + "ABCDEFGH23456789",
    "ghp_" + LETTERS[:36],
    "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "glpat-" + LETTERS[:20],
    "sk-" + LETTERS[:48],
    "sk-proj-" + LETTERS[:60],
    "sk-ant-api03-" + LETTERS[:80],
    "xoxb-1234567890-" + LETTERS[:24],
    "AIza" + LETTERS[:35],
    "sk_live_" + LETTERS[:24],
    "hf_" + LETTERS[:34],
    "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:40] + "." + LETTERS[:43],
]
FOUND = [
    *[(FindingCode.API_KEY, key) for key in KEYS],
    (FindingCode.PRIVATE_KEY, PEM),
    (FindingCode.EMAIL, "anna.smith+news@firm.co.uk"),
    (FindingCode.PHONE_NUMBER, "+49 30 901820"),
    (FindingCode.PHONE_NUMBER, "+1 (415) 272-3829"),
    (FindingCode.PHONE_NUMBER, "(415) 272-3829"),
    (FindingCode.PHONE_NUMBER, "415-272-3829"),
    (FindingCode.CARD_NUMBER, "4111 1111 1111 1111"),
    (FindingCode.CARD_NUMBER, "378282246310005"),
    (FindingCode.CARD_NUMBER, "5555-5555-5555-4444"),
    (FindingCode.IBAN, "DE89 3704 0044 0532 0130 00"),
    (FindingCode.IBAN, "GB29NWBK60161331926819"),
    (FindingCode.IBAN, "NO9386011117947"),
]
LEFT_ALONE = [
    "",
    "Mail us at support@example.com or a@b.test.",
    "git@github.com:owner/name.git",
    "logo@2x.png and icon@3x.webp",
    "@decorator, user@host, a @ b",
    "The order 4111111111111112 is late.",  # its check digit is wrong
    "0000 0000 0000 0000",
    "DE89 3704 0044 0532 0130 01",
    "On 2024-01-15 at 10:30:00.123456 it took 1234567890123 ns.",
    "3.14159265358979323846 and 1,234,567,890",
    "pi = 3.141592653589793",
    "ISBN 978-3-16-148410-0",
    "+12 and +3 make +15",
    "1 + 2345678 = 2345679",
    "555-555-0123 is a number of films",
    "192.168.100.200",
    "550e8400-e29b-41d4-a716-446655440000",
    "AKIAIOSFODNN7EXAMPLE",
    "scikit-learn is imported as sk-learn-contrib-and-many-other-packages",
    "It begins with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----.",
    "xoxo-hugs-and-kisses",
    "-----BEGIN PUBLIC KEY-----\n" + LETTERS,
    "hf_hub_download(repo_id)",
]


@pytest.mark.parametrize(("code", "secret"), FOUND)
def test_a_secret_is_found_and_never_shown_whole(code, secret):
    text = f"Before it: {secret} and after it."
    found = secrets_in(text)
    assert set(found) == {code}
    assert text[found[code].start : found[code].end] == secret
    assert secret not in found[code].detail
    hidden = masked(text)
    assert secret not in hidden
    assert hidden.startswith("Before it: ")
    assert hidden.endswith(" and after it.")


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_secret_is_left_alone(text):
    assert secrets_in(text) == {}
    assert masked(text) == text


def test_the_first_is_told_and_how_many_follow():
    found = secrets_in("One a.person@firm.de, two b.person@firm.de, three c.person@firm.de")
    assert found[FindingCode.EMAIL].detail == "e-mail address: a.pe…de, and 2 more"


def test_a_mask_shows_at_most_six_characters():
    assert mask("anna.smith@firm.de") == "anna…de"
    assert mask("jo@ex.de") == "jo…e"
    for _code, secret in FOUND[: len(KEYS)]:
        assert len(mask(secret)) <= 7


def test_of_a_private_key_the_header_alone_is_shown():
    assert masked(f"Key:\n{PEM}\nBye") == "Key:\n-----BEGIN RSA PRIVATE KEY-----…\nBye"
    cut_off = PEM[:200]
    assert masked(cut_off) == "-----BEGIN RSA PRIVATE KEY-----…"


def test_several_in_one_text_are_all_masked():
    text = " | ".join(secret for _code, secret in FOUND)
    assert not [secret for _code, secret in FOUND if secret in masked(text)]


@given(st.text(alphabet=st.sampled_from("aA1 @.+-_:/()=\n�eyJsk"), max_size=200))
@example("a@" * 90)
def test_masking_leaves_nothing_to_mask_that_was_there(text):
    for spot in secrets_in(text).values():
        assert text[spot.start : spot.end] not in masked(text) or len(text[spot.start : spot.end]) < 3


@pytest.mark.parametrize(
    "piece", ["a@", "1 ", "+1", "eyJaaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "AB12", "a@b.", "-----BEGIN ", "sk-a1"]
)
def test_no_text_keeps_a_pattern_busy(piece):
    """A pattern that needs the square of the length would not come back from 2 MB within this run."""
    secrets_in(piece * (2_000_000 // len(piece)))


@pytest.mark.parametrize("text", [f"{KEYS[0]} fÃ¼r uns", f"fÃ¼r {KEYS[0]}"])
def test_no_part_of_a_secret_is_shown_beside_other_findings(text):
    spot = broken_text(text)
    assert spot is not None
    assert "für" in spot.detail
    assert KEYS[0][-8:] not in spot.detail
    assert KEYS[0][:8] not in spot.detail
