"""`Content-Encoding: gzip` (RFC 1952), with a limit on what it may unpack to."""

import zlib

from tallystick.errors import Refused

_GZIP = 16 + zlib.MAX_WBITS
_MEMBERS_MAX = 64  # an endless row of empty members would cost time, not memory


def gunzip(body: bytes, *, bytes_max: int) -> bytes:
    """The unpacked body; several gzip members after one another are one body.

    Raises:
        Refused: `BAD_GZIP`, it is no complete gzip; `BODY_TOO_LARGE`, it unpacks to more than
            `bytes_max` bytes (found out after no more than that much memory).
    """
    unpacked = bytearray()
    rest = body
    for _ in range(_MEMBERS_MAX):
        member = zlib.decompressobj(_GZIP)
        try:
            unpacked += member.decompress(rest, bytes_max - len(unpacked) + 1)
        except zlib.error as error:
            raise Refused("BAD_GZIP", "The body is not valid gzip.") from error
        if len(unpacked) > bytes_max:
            raise Refused("BODY_TOO_LARGE", f"The body unpacks to more than {bytes_max} bytes.")
        if not member.eof:
            raise Refused("BAD_GZIP", "The gzip body ends too early.")
        rest = member.unused_data
        if not rest:
            return bytes(unpacked)
    raise Refused("BAD_GZIP", f"The gzip body has more than {_MEMBERS_MAX} members.")
