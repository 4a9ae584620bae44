"""The sieve: lets no line through in which a finder finds something, and hardly any other stops."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.collect.redact import FINDERS
from tallystick.watch.collect.redact.custom import custom_finder
from tallystick.watch.collect.redact.names import SECRET_NAME, is_secret_name, member
from tallystick.watch.collect.redact.sieve import ESCAPED, Sieve, spelled

CUSTOM = custom_finder("OWN", "low", r'é"/\d\d')
KINDS = (*FINDERS.values(), CUSTOM)
SIEVE = Sieve([*(finder.candidate for finder in KINDS), ESCAPED, SECRET_NAME])
FINDINGS = (
    "4111111111111111", "4222222222222", "4242 4242 4242 4242", "4000-0000-0000-0000-006",
    "378282246310005", "3782 822463 10005", "3056-930902-5904", "30569309025904",
    "2720991234567894", "6011000990139424", "3530111333300000", "6200000000000005",
    "DE89370400440532013000", "gb29nwbk60161331926819", "GB29 NWBK 6016 1331 9268 19",
    "NO93-8601-1117-947", "MT84MALT011000012345MTLCAST001S", "DE89370400440532 0130 00",
    "jane@example.com", "o'brien+x%@mail.example.co", "jörg%40münchen.exämple", "%40@a.bc",
    "AKIAIOSFODNN7EXAMPLE", "secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    'Secret-Key":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"', "password=hunter2",
    "PassWord:\t'x y'", '"apiKey": "s e c"', "{'client_secret': 'abc'}", "pwd\\': h0nter2",
    "token=é", "é.4111111111111111", "\x1f,5555-5555-5555-4444",
    "private-key:\u2003\u2003a²aaaa", "secret :\n\n\nabcde1", "https://a:b@c.example/", "x://:@",
    "536-90-4399", "tally_0123456789abcdefghijklmnopqrstuv", "hec_abcdefghijklmnopqrst",
    "Bearer 0123456789abcdefghij", "BEARER\u00a0 \t/12345678901234/", "Authorization: Basic dXNl",
    "authorization\\' =\n 'Splunk é", '\\"authorization\\":\\"1bcdefg/\\"',
    "authorization:12345678",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmeC0xIn0.dBjftJeZ4CVP", "eyJhbGciOi.eyJzdWI.",
    "-----BEGIN PRIVATE KEY-----\nM", "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "PRIVATE+KEY+a.example+0a1b2c3d+AQID", "SUBJECT+KEK+x", 'é"/12',
)  # fmt: skip
NEXT_TO = st.text(
    alphabet=" \"\\/\n\t\x00\x1f\x7f.,;:@=-+_%<>&'aZ09é\u017f\u212a\u2003\U0001f600", max_size=3
)
TEXTS = st.one_of(
    st.tuples(NEXT_TO, st.sampled_from(FINDINGS), NEXT_TO).map("".join),
    st.tuples(st.sampled_from(FINDINGS), NEXT_TO, st.sampled_from(FINDINGS)).map("".join),
    st.text(alphabet="0123456789 -@:.=/\"\\aAeEyJtT_DE'\n", max_size=40),
    st.tuples(NEXT_TO, st.text(max_size=20), NEXT_TO).map("".join),
)
SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def as_json(text: str, chance: random.Random, often: float) -> bytes:
    """The text as a JSON string, each character in one of the ways in which it can be written."""
    return f'"{"".join(_as_json(each, chance, often) for each in text)}"'.encode()


def _as_json(character: str, chance: random.Random, often: float) -> str:
    short = SHORT.get(character)
    if chance.random() < often or "\ud800" <= character <= "\udfff":
        units = character.encode("utf-16-be", "surrogatepass").hex()
        written = "".join("\\u" + units[n : n + 4] for n in range(0, len(units), 4))
        return written if chance.random() < 0.5 else written.upper().replace("\\U", "\\u")
    if character == "/" and chance.random() < 0.3:
        return "\\/"
    return short or (f"\\u{ord(character):04x}" if character < " " else character)


def finds(text: str) -> set[int]:
    """The numbers of those that find something."""
    return {n for n, kind in enumerate(KINDS) if any(True for _ in kind.find(text, lambda _: "-"))}


def looked_at(line: bytes) -> set[int]:
    """The numbers of those that would be asked."""
    numbers = set(SIEVE.matching(line))
    return set(range(len(KINDS))) if len(KINDS) in numbers else numbers


@given(TEXTS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.1, 1.0]))
def test_what_is_found_is_looked_for(text: str, chance: random.Random, often: float) -> None:
    """However JSON spells it, and in a text that is no JSON; the line does not pass."""
    found = finds(text)
    plain = text.encode("utf-8", "surrogatepass")
    python = json.dumps({"body": text}).encode()
    for line in (b'{"body":%s}' % as_json(text, chance, often), python, plain):
        asked = looked_at(line) if not SIEVE.passes(line) else set()
        assert found <= asked, line


@pytest.mark.parametrize("text", FINDINGS)
def test_every_example_is_found(text: str) -> None:
    """So the test above tests something; and also alone in a line, at its beginning and end."""
    found = finds(text)
    assert found
    assert found <= looked_at(text.encode())


@given(
    st.tuples(
        st.text(max_size=5),
        st.sampled_from(["", ".", "_", "-", " ", "\u2003", "X"]),
        st.sampled_from(["token", "Cookie", "API", "api", "access"]),
        st.sampled_from(["", "_", " - ", "\n", "\u00a0"]),
        st.sampled_from(["", "key", "KEY", "Key", "Kookie"]),
    ).map("".join),
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 0.1]),
)
def test_names_of_secrets_do_not_pass(name: str, chance: random.Random, often: float) -> None:
    """However they are written; and names that a policy has, whatever is in them."""
    line = b"{%s \t: 1}" % as_json(name, chance, often)
    assert not Sieve([member(name)]).passes(line)
    if is_secret_name(name):
        assert {len(KINDS), len(KINDS) + 1} & set(SIEVE.matching(line))


@given(st.lists(TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")), max_size=600))
def test_lines_together_and_alone(lines: list[bytes]) -> None:
    """A line that does not pass alone is suspected among others, each once and in order."""
    suspected = list(SIEVE.suspects(lines))

    assert suspected == sorted(set(suspected))
    assert {n for n, line in enumerate(lines) if not SIEVE.passes(line)} <= set(suspected)
    assert all(0 <= n < len(lines) for n in suspected)


def test_among_many() -> None:
    """Wherever it stands, at the edges of blocks too; no other line with it."""
    marked = {0, 1, 255, 256, 257, 511, 999, 1_000}
    lines = [b"4111111111111111" if n in marked else b'{"a":1}' for n in range(1_001)]
    assert set(SIEVE.suspects(lines)) == marked
    assert list(SIEVE.suspects([b"", b"4111111111111111", b""])) == [1]
    assert list(SIEVE.suspects([])) == []
    assert list(SIEVE.suspects([b"", b"{}"])) == []


@given(st.text(min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_a_text_in_all_spellings(text: str, chance: random.Random) -> None:
    """Escaped or not, in whole or in part."""
    sieve = Sieve([spelled(text)])
    for often in (0.0, 0.5, 1.0):
        assert not sieve.passes(as_json(text, chance, often))


def innocents(chance: random.Random) -> dict[str, Callable[[], str]]:
    """What lines are full of."""
    return {
        "trace": lambda: f"{chance.getrandbits(128):032x}",
        "uuid": lambda: "-".join(f"{chance.getrandbits(16):04x}{n}" for n in ("0000", "", "4", "")),
        "address": lambda: ".".join(str(chance.randrange(256)) for _ in range(4)),
        "nanoseconds": lambda: str(1_789_547_400_000_000_000 + chance.randrange(10**15)),
        "time": lambda: f"2026-11-22 04:08:{chance.randrange(60):02}.{chance.randrange(10**9):09}",
        "fraction": lambda: repr(chance.random()),
        "digest": lambda: f"{chance.getrandbits(256):064x}",
        "umlauts": lambda: f"Z\\u00fcrich, \\u003cb\\u003e caf\\u00e9 \\u2014\\n {chance.random()}",
        "words": lambda: "Send your token: Authorization: Bearer <token>, or the password.",
        "path": lambda: "C:\\\\users\\\\api\\\\key.txt and http://127.0.0.1:80/a?token_type=1@",
    }


@pytest.mark.parametrize("name", list(innocents(random.Random())))  # noqa: S311  only the names
def test_innocent_lines_pass(name: str) -> None:
    """Nearly all of a thousand: this is what makes redaction cheap."""
    make = innocents(random.Random(name))[name]  # noqa: S311  a test needs the same numbers
    lines = [b'{"a":"%s","b":1}' % make().encode() for _ in range(1_000)]
    assert all(json.loads(line) for line in lines)
    assert len(list(SIEVE.suspects(lines))) <= 10


def test_our_own_lines_pass() -> None:
    """Lines of the running product, all of them."""
    lines = Path(__file__).with_name("own_lines.jsonl").read_bytes().splitlines()
    assert list(SIEVE.suspects(lines)) == []
