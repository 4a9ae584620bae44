"""Ion Hash 1.0 with SHA-256: the hash of an Ion value, the same for text, binary and memory.

Pure. Source: https://amazon-ion.github.io/ion-hash/docs/spec.html; the representation of scalars is
that of Ion binary 1.0, https://amazon-ion.github.io/ion-docs/docs/binary.html
"""

import math
import re
import struct as packing
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256

from tallystick.ledger.qldb.values import (
    Annotated,
    Clob,
    IonValue,
    Null,
    Sexp,
    Struct,
    Symbol,
    Timestamp,
)

_BEGIN, _END = b"\x0b", b"\x0e"
_MARKERS = re.compile(rb"[\x0b\x0c\x0e]")
_CODES = {
    "null": 0x0, "bool": 0x1, "int": 0x2, "float": 0x4, "decimal": 0x5, "timestamp": 0x6,
    "symbol": 0x7, "string": 0x8, "clob": 0x9, "blob": 0xA, "list": 0xB, "sexp": 0xC,
    "struct": 0xD,
}  # fmt: skip
"""Type codes; a negative int has one of its own, 0x3."""
_NULL_QUALIFIER = 0xF
_ANNOTATED = b"\xe0"
_NAN = bytes.fromhex("7ff8000000000000")
NULL_TYPES = frozenset(_CODES) - {"null"}
"""Types that a typed null may have."""


def ion_hash(value: IonValue) -> bytes:
    """The 32 bytes of the value's Ion Hash under SHA-256."""
    return sha256(_serialize(value)).digest()


def _serialize(value: IonValue) -> bytes:
    """The spec's s(value)."""
    match value:
        case Annotated():
            names = b"".join(_symbol(name) for name in value.annotations)
            return _BEGIN + _ANNOTATED + names + _serialize(value.value) + _END
        case Struct():
            hashes = sorted(
                sha256(_symbol(name) + _serialize(field)).digest() for name, field in value.fields
            )
            return _mark("struct", b"".join(hashes))
        case list():
            return _BEGIN + b"\xb0" + b"".join(map(_serialize, value)) + _END
        case Sexp():
            return _BEGIN + b"\xc0" + b"".join(map(_serialize, value.items)) + _END
        case Symbol():
            return _symbol(value.text)
    return _scalar(value)


def _scalar(  # noqa: C901, PLR0911  one line a type
    value: bool | float | str | Decimal | bytes | Null | Clob | Timestamp | None,
) -> bytes:
    match value:
        case None:
            return _mark("null", b"", _NULL_QUALIFIER)
        case Null():
            return _mark(value.type, b"", _NULL_QUALIFIER)
        case bool():
            return _mark("bool", b"", int(value))
        case int():
            code = 0x10 if value < 0 else 0
            return _mark("int", _magnitude(abs(value)), code)
        case float():
            return _mark("float", _float(value))
        case Decimal():
            return _mark("decimal", _decimal(value))
        case str():
            return _mark("string", value.encode())
        case bytes():
            return _mark("blob", value)
        case Clob():
            return _mark("clob", value.data)
        case Timestamp():
            return _mark("timestamp", _timestamp(value))


def _mark(kind: str, representation: bytes, qualifier: int = 0) -> bytes:
    """B || TQ || escape(representation) || E."""
    octet = ((_CODES[kind] << 4) + qualifier).to_bytes(1, "big")
    return _BEGIN + octet + _MARKERS.sub(b"\x0c\\g<0>", representation) + _END


@lru_cache(maxsize=1_024)
def _symbol(text: str | None) -> bytes:
    """Field names come again and again: each is made once."""
    return _mark("symbol", b"", 1) if text is None else _mark("symbol", text.encode())


def _magnitude(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _float(number: float) -> bytes:
    if math.isnan(number):
        return _NAN
    positive_zero = number == 0 and math.copysign(1, number) > 0
    return b"" if positive_zero else packing.pack(">d", number)


def _decimal(number: Decimal) -> bytes:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "Ion has no decimal NaN"  # noqa: S101  programmer error
    coefficient = int("".join(map(str, digits)))
    if not (sign or coefficient or exponent):
        return b""
    return _var_int(exponent) + _int(coefficient, negative=bool(sign))


def _int(magnitude: int, *, negative: bool) -> bytes:
    """Ion binary's Int: a sign bit and a magnitude; zero is no bytes, minus zero is 0x80."""
    if not magnitude and not negative:
        return b""
    size = magnitude.bit_length() // 8 + 1
    sign = 1 << (8 * size - 1) if negative else 0
    return (magnitude | sign).to_bytes(size, "big")


def _var_uint(number: int) -> bytes:
    """Seven bits a byte, the last with its highest bit set."""
    groups = [number & 0x7F | 0x80]
    while number := number >> 7:
        groups.append(number & 0x7F)
    return bytes(reversed(groups))


def _var_int(number: int, *, negative_zero: bool = False) -> bytes:
    """The same, where the first byte's second bit is the sign."""
    data = bytearray(_var_uint(abs(number)))
    if data[0] & 0x40:
        data.insert(0, 0)
    if number < 0 or negative_zero:
        data[0] |= 0x40
    return bytes(data)


def _timestamp(stamp: Timestamp) -> bytes:
    parts, utc, offset = stamp.parts, stamp.utc(), stamp.offset_minutes
    data = _var_int(offset or 0, negative_zero=offset is None) + _var_uint(utc.year)
    if parts["month"] is None:
        return data
    data += _var_uint(utc.month)
    if parts["day"] is None:
        return data
    data += _var_uint(utc.day)
    if parts["hour"] is None:
        return data
    data += _var_uint(utc.hour) + _var_uint(utc.minute)
    if parts["second"] is None:
        return data
    data += _var_uint(utc.second)
    fraction = parts["fraction"]
    if fraction is None:
        return data
    return data + _var_int(-len(fraction)) + _int(int(fraction), negative=False)
