"""Card numbers: every brand, with Luhn's digit, however they are written; and nothing else."""

import random
from collections.abc import Callable

import msgspec
import pytest
from stdnum import luhn

from tallystick.watch.collect.redact import Redactor
from tallystick.watch.collect.redact.kinds.cards import CARDS

Becomes = Callable[[str], tuple[str, dict[str, int]]]
BRANDS = {
    "visa 13": ("4", 13), "visa 16": ("4", 16), "visa 19": ("4", 19),
    "mastercard": ("51", 16), "mastercard 55": ("55", 16), "mastercard 2221": ("2221", 16),
    "mastercard 2720": ("2720", 16), "amex 34": ("34", 15), "amex 37": ("37", 15),
    "diners 36": ("36", 14), "diners 305": ("305", 14), "discover 6011": ("6011", 16),
    "discover 644": ("644", 16), "discover 65": ("65", 19), "jcb 3528": ("3528", 16),
    "jcb 3589": ("3589", 16), "unionpay 16": ("62", 16), "unionpay 19": ("62", 19),
}  # fmt: skip


def number(prefix: str, length: int, chance: random.Random) -> str:
    """A number that a card of the brand could have."""
    body = prefix + "".join(chance.choice("0123456789") for _ in range(length - len(prefix) - 1))
    return body + luhn.calc_check_digit(body)


@pytest.mark.parametrize("brand", BRANDS)
def test_every_brand_is_found(becomes: Becomes, brand: str) -> None:
    """First six and last four stay; one wrong digit, and it is no card."""
    chance = random.Random(brand)  # noqa: S311  a test needs the same numbers each time
    for _ in range(20):
        card = number(*BRANDS[brand], chance)
        hidden = card[:6] + "*" * (len(card) - 10) + card[-4:]
        assert becomes(f"paid with {card}, thanks") == (f"paid with {hidden}, thanks", {"PAN": 1})
        wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
        assert becomes(f"paid with {wrong}, thanks")[1] == {}


@pytest.mark.parametrize(
    ("written", "hidden"),
    [
        ("4111 1111 1111 1111", "411111******1111"),
        ("4111-1111-1111-1111", "411111******1111"),
        ("3782 822463 10005", "378282*****0005"),
        ("3056-930902-5904", "305693****5904"),
        ("card:4111111111111111.", "card:411111******1111."),
        ("card_4111111111111111", "card_411111******1111"),
        ("12 4111 1111 1111 1111 123 12/28", "12 411111******1111 123 12/28"),
        ("4000 4111 1111 1111 1111", "4000 411111******1111"),
        ("x=4111111111111111&y=2", "x=411111******1111&y=2"),
        ("(5555555555554444)", "(555555******4444)"),
    ],
)
def test_as_people_write_them(becomes: Becomes, written: str, hidden: str) -> None:
    """In groups by brand, after other digits, before a security code."""
    assert becomes(written) == (hidden, {"PAN": 1})


@pytest.mark.parametrize(
    "text",
    [
        "1.4111111111111111", "4111111111111111.50", "0.4111111111111111", "4,111,111,111,111,111",
        "a4111111111111111", "4111111111111111f", "41111111111111111111", "+4111111111111111",
        "4111 1111-1111 1111", "4111  1111 1111 1111", "0000000000000000", "4444444444444444",
        "411111******1111", "2026-11-22 04:08:16.123456789", "1789547400123456789",
        "1789547400123", "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)  # fmt: skip
def test_near_misses(becomes: Becomes, text: str) -> None:
    """Amounts, fractions, times in nanoseconds, hashes, longer numbers and mixed groups."""
    assert becomes(text) == (text, {})


def test_a_number_is_found_too(redactor: Redactor) -> None:
    """A card as a JSON number becomes a text; an amount stays a number with all its digits."""
    line = b'{"a":4111111111111111,"b":[5555555555554444],"c":1.10,"d":12345678901234567890123}'

    [redacted] = redactor.redact([line])

    assert redacted.startswith(
        b'{"a":"411111******1111","b":["555555******4444"],"c":1.10,"d":12345678901234567890123,'
        b'"redactions":{"PAN":2}'
    )


def test_random_numbers_are_no_cards(redactor: Redactor) -> None:
    """A thousand each of amounts, ids, stamps, fractions and hashes: no finding."""
    chance = random.Random(20261122)  # noqa: S311  a test needs the same numbers each time
    for _ in range(1_000):
        values = (
            chance.randrange(10**12),
            chance.randrange(1_600_000_000, 1_999_999_999) * 10**9 + chance.randrange(10**9),
            chance.random(),
            round(chance.random() * 10**9, 2),
            f"{chance.randrange(10**15)}.{chance.randrange(10**5)}",
            f"{chance.getrandbits(256):064x}",
            f"{chance.getrandbits(128):032x}",
            f"O-{chance.randrange(10**12)}",
        )
        line = "{" + ",".join(f'"f{n}":"{value}"' for n, value in enumerate(values)) + "}"
        assert redactor.find(line.encode()) == []


def test_its_name() -> None:
    """The kind is PAN, and it may be read again."""
    assert (CARDS.kind, CARDS.credential) == ("PAN", False)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("12,4111111111111111,EUR", "12,411111******1111,EUR"),
        ("4111111111111111,12", "411111******1111,12"),
        (
            "5105105105105100,4111111111111111",
            "510510******5100,411111******1111",
        ),
        (
            "4111-1111-1111-1111,5105-1051-0510-5100",
            "411111******1111,510510******5100",
        ),
        (
            "4111 1111 1111 1111,5555 5555 5555 4444",
            "411111******1111,555555******4444",
        ),
        ("q=%204111111111111111%20", "q=%20411111******1111%20"),
    ],
)
def test_commas_and_encoded_spaces_part_numbers(text: str, masked: str) -> None:
    """As in CSV and in URLs; what is a decimal point stays one."""
    (line,) = Redactor().redact([msgspec.json.encode({"body": text})])

    assert msgspec.json.decode(line)["body"] == masked


@pytest.mark.parametrize("text", ["1,234,567,890,123,456", "4111111111111111.25"])
def test_amounts_are_no_cards(text: str) -> None:
    """Thousands have groups of three; what has decimals is no number of a card."""
    line = msgspec.json.encode({"body": text})

    assert Redactor().redact([line]) == [line]
