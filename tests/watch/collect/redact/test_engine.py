"""The engine: whole lines, any JSON, exact bytes, and never the same thing twice."""

import json
import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.redact import FINDERS, Found, RedactionPolicy, Redactor
from tallystick.watch.collect.redact.sieve import Sieve, Spots

OWN_LINES = Path(__file__).with_name("own_lines.jsonl").read_bytes().splitlines()
CARD, IBAN = "4111111111111111", "DE89370400440532013000"
ENGINE = Redactor()
FINDINGS = (
    CARD, "5555 5555 5555 4444", IBAN, "GB29 NWBK 6016 1331 9268 19", "jane@example.com",
    "AKIAIOSFODNN7EXAMPLE", "password=hunter2", "https://a:b@c.example/", "536-90-4399",
    "tally_0123456789abcdefghijklmnopqrstuv", "Bearer 0123456789abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmeC0xIn0.dBjftJeZ4CVP", "-----BEGIN PRIVATE KEY-----\nM",
    "é.4111111111111111", "é,5555-5555-5555-4444",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet='0123456789 -@.:=/"\\aAeEyJtpT_[]*{}', max_size=40),
    st.sampled_from(FINDINGS),
    st.tuples(st.text(max_size=5), st.sampled_from(FINDINGS), st.text(max_size=5)).map("".join),
)
NAMES = st.one_of(
    TEXTS, st.sampled_from(["body", "token", "db.password", "redactions", "a.secret"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
LINES = st.dictionaries(NAMES, VALUES, max_size=4)


def redacted(line: bytes, engine: Redactor = ENGINE) -> bytes:
    """One line."""
    [line] = engine.redact([line])
    return line


@given(line=LINES, ascii_only=st.booleans())
def test_no_finding_survives(line: dict[str, Any], ascii_only: bool) -> None:
    """Whatever the line: it is JSON still, nothing is found any more, and again changes nothing."""
    raw = json.dumps(line, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    once = redacted(raw)

    assert isinstance(json.loads(once.decode("utf-8", "surrogatepass")), dict)
    assert ENGINE.find(once) == []
    assert redacted(once) is once
    assert (once is raw) == (ENGINE.find(raw) == [])


class NoSieve(Sieve):
    """Every line is read, by every finder and in every part."""

    def suspects(self, lines: Sequence[bytes]) -> Iterator[int]:
        """All."""
        return iter(range(len(lines)))

    def matching(self, line: bytes) -> Sequence[int]:  # noqa: ARG002  as in Sieve
        """All."""
        return range(len(FINDERS) + 2)

    def spots(self, line: bytes) -> Spots:
        """Everywhere."""
        return Spots([(0, len(line))])


SLOW_ENGINE = Redactor()
SLOW_ENGINE._sieve = NoSieve(["x"])


@given(line=LINES, ascii_only=st.booleans())
def test_the_sieve_changes_nothing(line: dict[str, Any], ascii_only: bool) -> None:
    """It only saves time: the same is found, and written, when all is looked at by all."""
    raw = json.dumps(line, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert redacted(raw) == redacted(raw, SLOW_ENGINE)


@given(line=st.dictionaries(st.text("abcxyz.", min_size=1), VALUES, max_size=4))
def test_the_rest_keeps_its_bytes(line: dict[str, Any]) -> None:
    """What stands before and after a finding is not touched, whatever it is."""
    before = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if ENGINE.find(before):
        return
    comma = b"," if line else b""
    raw = before[:-1] + comma + b' "card" : "' + CARD.encode() + b'" , "n":1.10e+2 }'

    assert redacted(raw) == (
        before[:-1] + comma + b' "card" : "411111******1111" , "n":1.10e+2 ,"redactions":{"PAN":1}}'
    )


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_never_raises(data: bytes) -> None:
    """Bytes that are no line, no JSON or no UTF-8 are no reason to fail."""
    for line in (data, b'{"a":"' + data + b'@x.example"}', b"[" + data, b'{"token":' + data):
        assert len(ENGINE.redact([line])) == 1
        ENGINE.find(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"token":1}', b'{"redactions":{"SECRET":1}}'),
        (b'{"a":1,"token":{"b":[1,{"c":2}]}}', b'{"a":1,"redactions":{"SECRET":1}}'),
        (b'{"token":1,"a":2}', b'{"a":2,"redactions":{"SECRET":1}}'),
        (
            b'{"token":1, "x-Password":2, "a":[{"secret":[]}] ,"b":3,"authorization":null}',
            b'{  "a":[{}] ,"b":3,"redactions":{"SECRET":4}}',
        ),
        (
            b'{"clientSecret":1,"x-api-key":"k","cookie":"c","a":1}',
            b'{"a":1,"redactions":{"SECRET":3}}',
        ),
        (b'{"tok\\u0065n":1,"a":1}', b'{"a":1,"redactions":{"SECRET":1}}'),
        (b'{"token":1,"token":2,"a":1}', b'{"a":1,"redactions":{"SECRET":2}}'),
    ],
)
def test_members_named_like_secrets_go(line: bytes, expected: bytes) -> None:
    """First, last, all, nested, twice, escaped: the line stays JSON and says how many."""
    assert redacted(line) == expected
    json.loads(expected)


def test_names_that_only_look_like_it() -> None:
    """The last word counts."""
    line = (
        b'{"token.count":1,"tokens":2,"secretary":3,"body":"the \\"token\\": is fine",'
        b'"partition_key":4,"password_age":5}'
    )
    assert redacted(line) is line


def test_counts_of_secrets_are_no_secrets() -> None:
    """`redactions` may say how many passwords there were, and hides nothing else."""
    assert (
        redacted(b'{"redactions":{"PASSWORD":2},"a":1}') == b'{"redactions":{"PASSWORD":2},"a":1}'
    )
    assert redacted(b'{"redactions":{"password":"p"}}') == b'{"redactions":{"SECRET":1}}'
    assert redacted(b'{"redactions":{"PAN":2},"b":"%s"}' % CARD.encode()) == (
        b'{"redactions":{"PAN":3},"b":"411111******1111"}'
    )
    assert redacted(b'{"redactions":"%s"}' % CARD.encode()) == b'{"redactions":{"PAN":1}}'


@pytest.mark.parametrize(
    "body",
    [
        "\\u006aane@example.com", "jane\\u0040example.com", "\\u0034111 1111 1111 1111",
        "p\\u0061ssword=hunter2", "https:\\/\\/a:b@c.example",
    ],
)  # fmt: skip
def test_escapes_hide_nothing(body: str) -> None:
    """JSON may spell a letter in other ways."""
    line = b'{"body":"' + body.encode() + b'"}'
    [kind] = {found.kind for found in ENGINE.find(line)}
    assert kind in {"EMAIL", "PAN", "PASSWORD", "URL_CREDENTIALS"}
    assert ENGINE.find(redacted(line)) == []


def test_findings_across_texts_do_not_count() -> None:
    """Digits of two values are not one number."""
    line = b'{"a":"4111 1111","b":"1111 1111","c":["4111","1111","1111","1111"],"d@e":"f.gh"}'
    assert redacted(line) is line


def test_a_name_is_looked_at_too() -> None:
    """A member that is named after somebody loses its name; places do not tell it either."""
    found = ENGINE.find(b'{"4111111111111111":{"x":"a@b.example"}}')
    assert found == [
        Found("PAN", "critical", "/411111******1111#"),
        Found("EMAIL", "medium", "/411111******1111/x"),
    ]


def test_our_own_lines_have_nothing_to_find() -> None:
    """Lines of the running product: each is given back as it is, together and alone."""
    assert len(OWN_LINES) > 80
    for given_lines in (OWN_LINES, *([line] for line in OWN_LINES)):
        for line, same in zip(given_lines, ENGINE.redact(given_lines), strict=True):
            assert line is same


def test_what_the_ledger_shows_has_nothing_to_find() -> None:
    """Hashes, proofs, notes, ids and public identifiers are not mistaken for secrets."""
    chance = random.Random(3)  # noqa: S311  a test needs the same numbers each time
    for n in range(1_000):
        digest = sha256(chance.randbytes(32)).digest()
        line = msgspec.json.encode(
            {
                "ledger.root": digest.hex(),
                "proof": [b64encode(chance.randbytes(32)).decode() for _ in range(3)],
                "checkpoint": f"ledger.example/a\n{n}\n{b64encode(digest).decode()}\n\n"
                f"— ledger.example/a {b64encode(chance.randbytes(68)).decode()}\n",
                "trace_id": f"{chance.getrandbits(128):032x}",
                "traceparent": f"00-{chance.randbytes(16).hex()}-{chance.randbytes(8).hex()}-01",
                "order.id": f"O-{chance.randrange(10**12)}",
                "rate": f"{chance.random():.5f}",
                "amount": f"{chance.randrange(10**11)}.{chance.randrange(100):02}",
                "time_unix_nano": 1_789_547_400_000_000_000 + chance.randrange(10**15),
                "bic": "DEUTDEFFXXX",
                "lei": "7LTWFZYICNSX8D621K86",
                "isin": "US0378331005",
                "vkey": f"ledger.example/a+{digest.hex()[:8]}+{b64encode(digest).decode()}",
            }
        )
        assert ENGINE.find(line) == []


def test_many_lines_with_few_findings() -> None:
    """Every finding is found wherever it stands among lines without; the others are the same."""
    clean = b'{"event_name":"api.request_answered","http.route":"/v1/orders","position":77}'
    lines = [clean] * 1_000
    marked = (0, 7, 8, 63, 64, 65, 511, 999)
    for number, finding in zip(marked, FINDINGS, strict=False):
        lines[number] = msgspec.json.encode({"body": finding})

    answer = ENGINE.redact(lines)

    assert {n for n, line in enumerate(answer) if line is not clean} == set(marked)
    assert all(b'"redactions":{' in answer[number] for number in marked)


@pytest.mark.parametrize(
    "piece", ["a@b.io ", CARD + " ", "password=x ", '\\"apikey\\":\\"1234567\\"']
)
def test_a_line_never_becomes_too_long(piece: str) -> None:
    """Masks longer than what they hide: the line still fits, without the findings."""
    room = LOG_LINE_BYTES_MAX - len(b'{"body":""}')
    body = piece.encode() * (room // len(piece))
    line = b'{"body":"' + body + b"x" * (room - len(body)) + b'"}'
    assert len(line) == LOG_LINE_BYTES_MAX

    once = redacted(line)

    assert len(once) <= LOG_LINE_BYTES_MAX
    assert ENGINE.find(once) == []
    json.loads(once)


def test_deep_nesting() -> None:
    """A line nested beyond measure takes no stack."""
    line = b'{"a":' * 10_000 + b'"jane@example.com"' + b"}" * 10_000
    assert b"jane" not in redacted(line)


def test_fields_that_the_operator_names() -> None:
    """Hidden whatever is in them, once."""
    engine = Redactor(RedactionPolicy(fields=("customer.name",)))
    line = b'{"customer.name":{"first":"Jane","token":1},"x":[{"customer.name":"Doe"}]}'

    once = redacted(line, engine)

    assert once == (
        b'{"customer.name":"[FIELD]","x":[{"customer.name":"[FIELD]"}],"redactions":{"FIELD":2}}'
    )
    assert redacted(once, engine) is once


def test_kinds_that_are_off() -> None:
    """The operator may want to see addresses."""
    engine = Redactor(RedactionPolicy(off=("EMAIL",)))
    line = b'{"body":"jane@example.com"}'
    assert redacted(line, engine) is line


def test_many_threads(redactor: Redactor) -> None:
    """Emission and ingestion share one engine and its keys."""
    line = b'{"timestamp":"2026-11-22T04:00:00Z","body":"jane@example.com"}'
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: redactor.redact([line] * 5), range(20)))
    assert {msgspec.json.decode(kept)["body"] for answer in answers for kept in answer} == {
        msgspec.json.decode(answers[0][0])["body"]
    }
    assert redactor.unsealed == 0
