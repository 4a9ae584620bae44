"""What opens doors: tokens, keys and passwords become a tag, and nothing of them stays."""

import random
from collections.abc import Callable

import pytest

from tallystick.ids import new_secret
from tallystick.watch.collect.redact import FINDERS, Redactor, is_sealed

Becomes = Callable[[str], tuple[str, dict[str, int]]]
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmeC0xIn0.dBjftJeZ4CVP-mBE2uYRfA_x"
PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END {0}PRIVATE KEY-----"
FOUND = {
    "jwt": (f"got {JWT};", "got [JWT];", "JWT"),
    "jwt, unsigned": ("eyJhbGciOiJub25lIn0.eyJzdWIiOjF9.", "[JWT]", "JWT"),
    "jwe": ("eyJhbGciOiJSU0EifQ.abcde.fghij.klmno.pqrst", "[JWT]", "JWT"),
    "bearer": ("sent Bearer abcdef0123456789abcd to", "sent [CREDENTIALS] to", "AUTHORIZATION"),
    "header": ("Authorization: Basic dXNl", "Authorization: [CREDENTIALS]", "AUTHORIZATION"),
    "curl": (
        "-H 'authorization: splunk 0f1e' -d x", "-H 'authorization: [CREDENTIALS]' -d x",
        "AUTHORIZATION",
    ),
    "header in json": (
        '{"Authorization":"Bearer opaque"}', '{"Authorization":"[CREDENTIALS]"}', "AUTHORIZATION",
    ),
    "aws key id": ("id AKIAIOSFODNN7EXAMPLE.", "id [AWS_KEY_ID].", "AWS_KEY_ID"),
    "aws session": ("ASIAIOSFODNN7EXAMPLE", "[AWS_KEY_ID]", "AWS_KEY_ID"),
    "aws secret": (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_secret_access_key = [AWS_SECRET]", "AWS_SECRET",
    ),
    "pem": (f"a {PEM.format('RSA ')} b", "a [PRIVATE_KEY] b", "PRIVATE_KEY"),
    "pem, pkcs8": (PEM.format(""), "[PRIVATE_KEY]", "PRIVATE_KEY"),
    "pem, cut": ("x -----BEGIN EC PRIVATE KEY-----\nMHcCAQ", "x [PRIVATE_KEY]", "PRIVATE_KEY"),
    "pgp": (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----",
        "[PRIVATE_KEY]", "PRIVATE_KEY",
    ),
    "note key": ("PRIVATE+KEY+a.example+0a1b2c3d+AQID see", "[PRIVATE_KEY] see", "PRIVATE_KEY"),
    "url": ("to https://ann:pw@h.example", "to https://[CREDENTIALS]@h.example", "URL_CREDENTIALS"),
    "dsn": ("postgresql://u:p@ss@db/x", "postgresql://[CREDENTIALS]@db/x", "URL_CREDENTIALS"),
    "password=": ("user=ann password=hunter2, ok", "user=ann password=[PASSWORD], ok", "PASSWORD"),
    "pwd": ("Server=db;Pwd=abc;x", "Server=db;Pwd=[PASSWORD];x", "PASSWORD"),
    "query": ("/cb?a=1&access_token=abc&x=1", "/cb?a=1&access_token=[PASSWORD]&x=1", "PASSWORD"),
    "capitals": ("PASSWORD=abc of İ", "PASSWORD=[PASSWORD] of İ", "PASSWORD"),
    "yaml": ("password: hunter2", "password: [PASSWORD]", "PASSWORD"),
    "json": ('{"apiKey": "s e c"}', '{"apiKey": "[PASSWORD]"}', "PASSWORD"),
    "python": ("{'client_secret': 'abc'}", "{'client_secret': '[PASSWORD]'}", "PASSWORD"),
}  # fmt: skip
NOT_FOUND = (
    "eyJ", "eyJhbGciOi", "Send the header Authorization: Bearer <token>.",
    "the bearer of this letter", "Bearer tokens are refused", "authorization: denied",
    "AKIAIOSFODNN7EXAMPL", "XAKIAIOSFODNN7EXAMPLE", "-----BEGIN CERTIFICATE-----", "PRIVATE KEY",
    "http://127.0.0.1:8080/v1/orders", "https://ann@h/", "at 10:30 by ann@host",
    "password: must be longer", "the password is wrong", "token=null", "password=***",
    "secret=<secret>", "tokens=5", "key=value", "partition_key: abc123", "TALLYSTICK_TOKEN is set",
    "tally_short", "tallystick_1", "Idempotency-Key: 8f3a",
)  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found(becomes: Becomes, name: str) -> None:
    """Each becomes its tag, alone in a line and in the middle of a sentence."""
    text, expected, kind = FOUND[name]
    assert becomes(text) == (expected, {kind: 1})


@pytest.mark.parametrize("text", NOT_FOUND)
def test_near_misses(becomes: Becomes, text: str) -> None:
    """Words about secrets are none; sentences of ours that say how to send one stay."""
    assert becomes(text) == (text, {})


@pytest.mark.parametrize("prefix", ["tally", "hec"])
def test_our_own_tokens(becomes: Becomes, prefix: str) -> None:
    """As the product makes them, wherever they stand."""
    for _ in range(20):
        text = f"used {new_secret(prefix)}"
        assert becomes(text) == ("used [TALLYSTICK_TOKEN]", {"TALLYSTICK_TOKEN": 1})


def test_us_social_security_numbers(becomes: Becomes) -> None:
    """As they are written, with areas that were given out; the last four stay."""
    assert becomes("ssn 536-90-4399.") == ("ssn ***-**-4399.", {"US_SSN": 1})
    for text in ("536904399", "000-12-3456", "666-12-3456", "987-65-4320", "1536-90-4399", "x-1-2"):
        assert becomes(text)[1] == {}


def test_credentials_are_never_sealed(redactor: Redactor) -> None:
    """Nobody needs to read them again."""
    for text, _, _ in FOUND.values():
        [redacted] = redactor.redact([b'{"body":' + _json(text) + b"}"])
        assert b"redactions" in redacted
        assert not is_sealed(redacted)


def test_every_kind_is_named_here() -> None:
    """A new kind needs its tests."""
    others = {"PAN", "IBAN", "EMAIL", "US_SSN", "TALLYSTICK_TOKEN"}
    assert FINDERS.keys() == others | {kind for _, _, kind in FOUND.values()}


def test_no_text_takes_long() -> None:
    """64 KiB that are made to be slow are looked at in a moment, else the suite's timeout tells."""
    redactor = Redactor()
    chance = random.Random(5)  # noqa: S311  a test needs the same numbers each time
    for piece in (
        "@", "a@", "a.", "password=", "://", "://a:", "authorization: ", "bearer ", "4111 ",
        "4111-1111-", "DE89 ", "eyJa.", "-----BEGIN PRIVATE KEY-----", "secret_access_key=", "1",
        'token"', "'", "AKIA", "tally_", "536-90-", "%40", "a@b.",
    ):  # fmt: skip
        text = piece * (60_000 // len(piece))
        redactor.redact([b'{"b":' + _json(text) + b"}", b'{"b":' + _json(text + "x") + b"}"])
    letters = "".join(chance.choice("aA1 .-@:/=\"'") for _ in range(60_000))
    redactor.redact([b'{"token":' + _json(letters) + b',"b":' + _json(letters) + b"}"])


def _json(text: str) -> bytes:
    return (
        b'"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").encode() + b'"'
    )
