"""The check digits of payment cards and bank accounts. Pure."""

import re

# Length of an IBAN by country, from the IBAN registry that SWIFT keeps for ISO 13616.
IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM TL SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
# The first digits and lengths that the card networks publish: Visa, Mastercard, American Express, Discover, Diners
# Club, JCB, UnionPay.
NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}"
    r"|3(?:0[0-5]|[68]\d)\d{11}"
    r"|35(?:2[89]|[3-8]\d)\d{12}"
    r"|62\d{14,17}"
)


def is_card_number(text: str) -> bool:
    """Whether digits in groups are a payment card's number."""
    digits = re.sub(r"[ -]", "", text)
    return len(set(digits)) > 1 and NETWORKS.fullmatch(digits) is not None and _luhn(digits)


def is_iban(text: str) -> bool:
    """Whether letters and digits in groups are an IBAN."""
    joined = text.replace(" ", "")
    if IBAN_LENGTHS.get(joined[:2]) != len(joined):
        return False
    return int("".join(str(int(character, 36)) for character in joined[4:] + joined[:4])) % 97 == 1


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right is doubled."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) << position % 2
        total += value - 9 if value > 9 else value  # noqa: PLR2004
    return total % 10 == 0
