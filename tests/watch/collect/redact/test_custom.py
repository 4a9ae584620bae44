"""Patterns of the operator: a small syntax, in which none can take long."""

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.collect.redact import RedactionPolicy, Redactor
from tallystick.watch.collect.redact.custom import custom_finder
from tallystick.watch.collect.redact.policy import CustomPattern


def redacted(pattern: str, text: str) -> str:
    """What becomes of a text under a pattern."""
    policy = RedactionPolicy(patterns=(CustomPattern("OWN", pattern),))
    engine = Redactor(policy)
    [line] = engine.redact([msgspec.json.encode({"body": text})])
    assert engine.redact([line])[0] is line
    body: str = msgspec.json.decode(line)["body"]
    return body


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("CL-[0-9]{8}", "of CL-12345678, now", "of [OWN], now"),
        ("CL-[0-9]{8}", "of CL-1234567, now", "of CL-1234567, now"),
        (r"acct\d{2,4}x?", "acct12x acct1234 acct1", "[OWN] [OWN] acct1"),
        (r"a\.b\.c[A-Z_-]\w\s?", "a.b.cX9 a.b.c_z", "[OWN][OWN]"),
        ("Kund", "Kundin, kund", "[OWN]in, kund"),
        (r"émile\d", "émile7", "[OWN]"),
    ],
)
def test_what_patterns_find(pattern: str, text: str, expected: str) -> None:
    """As they are written, small and capital letters apart."""
    assert redacted(pattern, text) == expected


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "must begin with 3 signs"),
        ("[0-9]{8}", "must begin with 3 signs"),
        ("ab[0-9]", "must begin with 3 signs"),
        ("abc?d", "must begin with 3 signs"),
        ("abc(a+)+", "from character 4 on"),
        ("abc.*", "from character 4 on"),
        ("abcd+", "from character 5 on"),
        ("abc|d", "from character 4 on"),
        (r"abc\1", "from character 4 on"),
        (r"abc\b", "from character 4 on"),
        ("abc^", "from character 4 on"),
        ("abc[", "from character 4 on"),
        ("abc[z-a]", "cannot be used"),
        ("abcx{1,99}", "64 is the most"),
        ("abcx{3,2}", "64 is the most"),
        ("abc[a-z]{1,60}[a-z]{1,60}x", "too many repetitions"),
        ("a" * 201, "longer than 200"),
        ("OWN", "would find"),
    ],
)
def test_patterns_that_are_refused(pattern: str, sentence: str) -> None:
    """Each with a sentence: nothing that could go back without bound can be said at all."""
    with pytest.raises(Misconfigured, match=sentence):
        custom_finder("OWN", "low", pattern)


def test_the_slowest_pattern_is_fast() -> None:
    """64 KiB made for the pattern with the most ways allowed: done before the suite's timeout."""
    text = ("abc" + "a" * 40) * 1_500
    assert redacted("abca{0,15}a{0,15}x", text) == text
