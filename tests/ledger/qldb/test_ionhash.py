"""Ion Hash against the vectors of github.com/amazon-ion/ion-hash-test, ion_hash_tests.ion."""

from decimal import Decimal
from hashlib import sha256
from math import inf, nan

import pytest

from tallystick.ledger.qldb.ionhash import NULL_TYPES, _serialize, ion_hash
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


def at(text: str) -> Timestamp:
    """A timestamp of Ion text."""
    return Timestamp.parse(text)


VECTORS: list[tuple[str, IonValue, str]] = [
    ("null", None, "0b 0f 0e"),
    ("null.int", Null("int"), "0b 2f 0e"),
    ("null.struct", Null("struct"), "0b df 0e"),
    ("false", False, "0b 10 0e"),
    ("true", True, "0b 11 0e"),
    ("0", 0, "0b 20 0e"),
    ("5", 5, "0b 20 05 0e"),
    ("-6", -6, "0b 30 06 0e"),
    ("0e0", 0.0, "0b 40 0e"),
    ("-0e0", -0.0, "0b 40 80 00 00 00 00 00 00 00 0e"),
    ("+inf", inf, "0b 40 7f f0 00 00 00 00 00 00 0e"),
    ("-inf", -inf, "0b 40 ff f0 00 00 00 00 00 00 0e"),
    ("nan", nan, "0b 40 7f f8 00 00 00 00 00 00 0e"),
    ("-1e0", -1.0, "0b 40 bf f0 00 00 00 00 00 00 0e"),
    ("4.9e-324", 4.9e-324, "0b 40 00 00 00 00 00 00 00 01 0e"),
    ("0d0", Decimal("0E+0"), "0b 50 0e"),
    ("0d5", Decimal("0E5"), "0b 50 85 0e"),
    ("0d-5", Decimal("0E-5"), "0b 50 c5 0e"),
    ("-0d0", Decimal("-0"), "0b 50 80 80 0e"),
    ("-0d-1", Decimal("-0.0"), "0b 50 c1 80 0e"),
    ("123.45", Decimal("123.45"), "0b 50 c2 30 39 0e"),
    ("12345.", Decimal(12345), "0b 50 80 30 39 0e"),
    ("1234.50", Decimal("1234.50"), "0b 50 c2 01 e2 3a 0e"),
    ("5d2", Decimal("5E2"), "0b 50 82 05 0e"),
    ("500d300", Decimal("500E300"), "0b 50 02 ac 01 f4 0e"),
    ("-500d-300", Decimal("-500E-300"), "0b 50 42 ac 81 f4 0e"),
    ("2017T", at("2017T"), "0b 60 c0 0f e1 0e"),
    ("2017-01T", at("2017-01T"), "0b 60 c0 0f e1 81 0e"),
    ("2017-01-01T", at("2017-01-01T"), "0b 60 c0 0f e1 81 81 0e"),
    ("minute", at("2017-01-01T00:00Z"), "0b 60 80 0f e1 81 81 80 80 0e"),
    ("utc", at("2017-01-01T00:00:00+00:00"), "0b 60 80 0f e1 81 81 80 80 80 0e"),
    ("nowhere", at("2017-01-01T00:00:00-00:00"), "0b 60 c0 0f e1 81 81 80 80 80 0e"),
    ("west", at("2001-02-03T04:05:06-12:34"), "0b 60 45 f2 0f d1 82 83 90 a7 86 0e"),
    (
        "nanoseconds",
        at("2001-02-03T04:05:06.123456789-12:34"),
        "0b 60 45 f2 0f d1 82 83 90 a7 86 c9 07 5b cd 15 0e",
    ),
    ("tenths", at("2000-01-01T00:00:00.0Z"), "0b 60 80 0f d0 81 81 80 80 80 c1 0e"),
    ("$0", Symbol(None), "0b 71 0e"),
    ("name", Symbol("name"), "0b 70 6e 61 6d 65 0e"),
    ("escaped", Symbol("\x0b\x0c\x0e"), "0b 70 0c 0b 0c 0c 0c 0e 0e"),
    ("string", "hello", "0b 80 68 65 6c 6c 6f 0e"),
    ("clob", Clob(b"hi"), "0b 90 68 69 0e"),
    ("blob", b"\x0e", "0b a0 0c 0e 0e"),
    ("list", [1, 2, 3], "0b b0 0b 20 01 0e 0b 20 02 0e 0b 20 03 0e 0e"),
    ("sexp", Sexp([1]), "0b c0 0b 20 01 0e 0e"),
    ("empty", Struct(()), "0b d0 0e"),
    ("annotated", Annotated(("a", None), 5), "0b e0 0b 70 61 0e 0b 71 0e 0b 20 05 0e 0e"),
]


@pytest.mark.parametrize(
    ("value", "serialized"), [each[1:] for each in VECTORS], ids=[each[0] for each in VECTORS]
)
def test_vectors(value: IonValue, serialized: str) -> None:
    """The bytes that are hashed are those of the published vectors and of the specification."""
    assert _serialize(value) == bytes.fromhex(serialized)
    assert ion_hash(value) == sha256(bytes.fromhex(serialized)).digest()


def test_a_struct_has_no_order() -> None:
    """Fields hash alike in any order, and a name that stands twice counts twice."""
    one, two = ("a", 1), ("b", 2)

    assert ion_hash(Struct((one, two))) == ion_hash(Struct((two, one)))
    assert ion_hash(Struct((one, one))) != ion_hash(Struct((one,)))
    assert ion_hash(Struct((("a", "1"),))) != ion_hash(Struct((one,)))


def test_a_large_int_in_a_decimal_keeps_its_sign_bit_free() -> None:
    """A coefficient whose highest bit is set gets a byte more for the sign."""
    assert _serialize(Decimal(128)) == bytes.fromhex("0b50800080 0e".replace(" ", ""))
    assert _serialize(Decimal("1E64")) == bytes.fromhex("0b5000c0010e")


def test_types_of_nulls_are_those_of_ion() -> None:
    """Thirteen types, of which `null.null` is the plain null."""
    assert len(NULL_TYPES) == 12
