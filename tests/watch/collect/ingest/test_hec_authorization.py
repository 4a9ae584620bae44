"""The token in the header of the HTTP Event Collector."""

import base64

import pytest

from tallystick.watch.collect.ingest import HEC_ANSWERS, hec_token


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Splunk 12345678-1234", "12345678-1234"),
        ("splunk  abc ", "abc"),
        ("Basic " + base64.b64encode(b"x:abc").decode(), "abc"),
        ("Basic " + base64.b64encode(b"x:a:b").decode(), "a:b"),
        (None, HEC_ANSWERS[2]),
        ("", HEC_ANSWERS[2]),
        ("Bearer abc", HEC_ANSWERS[3]),
        ("Splunk", HEC_ANSWERS[3]),
        ("abc", HEC_ANSWERS[3]),
        ("Basic ???", HEC_ANSWERS[3]),
        ("Basic " + base64.b64encode(b"abc").decode(), HEC_ANSWERS[3]),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), HEC_ANSWERS[3]),
    ],
)
def test_the_token_in_the_header(authorization: str | None, expected: object) -> None:
    """Scheme in any case, Basic with the token as password, anything else 2 or 3."""
    assert hec_token(authorization) == expected
