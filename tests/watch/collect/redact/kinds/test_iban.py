"""Account numbers: every country of the registry; and nothing else."""

import random
from collections.abc import Callable

import pytest
from stdnum import iban

Becomes = Callable[[str], tuple[str, dict[str, int]]]
EXAMPLES = (
    "AD1200012030200359100100", "AE070331234567890123456", "AT611904300234573201",
    "BE68539007547034", "BH67BMAG00001299123456", "BR1800360305000010009795493C1",
    "CH9300762011623852957", "DE89370400440532013000", "ES9121000418450200051332",
    "FR1420041010050500013M02606", "GB29NWBK60161331926819", "GI75NWBK000000007099453",
    "IE29AIBK93115212345678", "IT60X0542811101000000123456", "KW81CBKU0000000000001234560101",
    "KZ86125KZT5004100100", "LC55HEMM000100010012001200023015", "MT84MALT011000012345MTLCAST001S",
    "NL91ABNA0417164300", "NO9386011117947", "PS92PALS000000000400123456702",
    "QA58DOHB00001234567890ABCDEFG", "RO49AAAA1B31007593840000", "SC18SSCB11010000000000001497USD",
    "TR330006100519786457841326",
)  # fmt: skip


@pytest.mark.parametrize("number", EXAMPLES)
def test_the_registry_s_examples(becomes: Becomes, number: str) -> None:
    """In one piece, in groups, in small letters: country and last four stay."""
    assert iban.is_valid(number, check_country=False)
    hidden = number[:2] + "*" * (len(number) - 6) + number[-4:]
    for written in (number, iban.format(number), iban.format(number, "-"), number.lower()):
        assert becomes(f"to {written}, now") == (f"to {hidden}, now", {"IBAN": 1})
        assert becomes(f"to {written} and on")[1] == {"IBAN": 1}


@pytest.mark.parametrize("number", EXAMPLES)
def test_wrong_check_digits(becomes: Becomes, number: str) -> None:
    """One digit off is no account number."""
    wrong = f"{number[:2]}{(int(number[2:4]) + 1) % 100:02}{number[4:]}"
    assert becomes(f"to {wrong} now")[1] == {}


@pytest.mark.parametrize(
    "text",
    [
        "DEUTDEFF500", "5299000J2N45DDNE4Y28", "US0378331005", "XX89370400440532013000",
        "DE893704004405320130001", "xDE89370400440532013000", "DE89 37040044 053201300",
        "DE******************3000", "AB12 0000 0000 0000 0000",
    ],
)  # fmt: skip
def test_near_misses(becomes: Becomes, text: str) -> None:
    """BIC, LEI and ISIN are public; other lengths and countries that are none."""
    assert becomes(text) == (text, {})


def test_random_letters_and_digits(becomes: Becomes) -> None:
    """Hardly any of what looks like one is one: the check digits tell."""
    chance = random.Random(7)  # noqa: S311  a test needs the same numbers each time
    found = 0
    for _ in range(1_000):
        text = "DE" + "".join(chance.choice("0123456789") for _ in range(20))
        found += bool(becomes(text)[1])
        assert bool(becomes(text)[1]) == iban.is_valid(text, check_country=False)
    assert found < 40
