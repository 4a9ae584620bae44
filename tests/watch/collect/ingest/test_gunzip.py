"""Unpacking gzip within a limit."""

import gzip

import pytest

from tallystick.errors import Refused
from tallystick.watch.collect.ingest import gunzip


def packed(body: bytes) -> bytes:
    """The same bytes at any time: they become names of tests, which workers must agree on."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize("size", [0, 1, 999, 1_000])
def test_a_body_within_the_limit(size: int) -> None:
    """Up to and including the limit; several members are one body."""
    assert gunzip(packed(b"x" * size), bytes_max=1_000) == b"x" * size
    two = packed(b"x" * size) + packed(b"")
    assert gunzip(two, bytes_max=1_000) == b"x" * size


@pytest.mark.parametrize(
    "body",
    [packed(b"x" * 1_001), packed(b"x" * 900) * 2, packed(bytes(10**7))],
)
def test_a_bomb_is_refused(body: bytes) -> None:
    """What unpacks to more than the limit is refused at the limit."""
    with pytest.raises(Refused) as refused:
        gunzip(body, bytes_max=1_000)
    assert refused.value.code == "BODY_TOO_LARGE"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain",
        packed(b"x" * 500)[:-1],
        packed(b"x")[:-5] + b"\0\0\0\0\0",
        packed(b"x") + b"junk",
        packed(b"") * 65,
    ],
)
def test_what_is_no_gzip_is_refused(body: bytes) -> None:
    """Wrong, cut, damaged, followed by something else, or an endless row of nothing."""
    with pytest.raises(Refused) as refused:
        gunzip(body, bytes_max=1_000)
    assert refused.value.code == "BAD_GZIP"
