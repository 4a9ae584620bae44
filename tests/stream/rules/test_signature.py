"""The signature of webhooks: one scheme for all of them."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.stream.rules import is_signed, signed_headers
from tallystick.stream.rules.signature import checked_secret

SECRET = b"a shared secret of enough bytes"


def test_a_receiver_can_check_it() -> None:
    """Who has the secret knows the body and its age."""
    headers = signed_headers(SECRET, 1_000, "key", b"{}")
    given = headers["Tallystick-Signature"]
    assert headers["Idempotency-Key"] == "key"
    assert is_signed(SECRET, headers["Tallystick-Timestamp"], b"{}", given, 1_200)
    assert not is_signed(SECRET, headers["Tallystick-Timestamp"], b"{}", given, 2_000)
    assert not is_signed(SECRET, headers["Tallystick-Timestamp"], b"[]", given, 1_000)
    assert not is_signed(b"another secret of bytes", "1000", b"{}", given, 1_000)
    assert not is_signed(SECRET, "x", b"{}", given, 1_000)


def test_a_short_secret_is_refused() -> None:
    """It could be guessed."""
    with pytest.raises(Misconfigured, match="at least 16 bytes"):
        checked_secret(b"short")
