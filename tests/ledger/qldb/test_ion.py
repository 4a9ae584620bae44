"""Ion exports, text and binary: every type is read as it was written."""

import shutil
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.ledger.qldb import ion
from tallystick.ledger.qldb.check import check_journal
from tallystick.ledger.qldb.export import open_export
from tallystick.ledger.qldb.ion import has_ion, read_ion
from tallystick.ledger.qldb.ionhash import ion_hash
from tallystick.ledger.qldb.plain import from_plain, to_plain
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

needs_ion = pytest.mark.skipif(
    not has_ion(), reason="amazon.ion is not installed: pip install 'tallystick[qldb]'"
)
TYPES: list[tuple[str, IonValue]] = [
    ("null", None),
    ("null.null", None),
    ("null.int", Null("int")),
    ("null.struct", Null("struct")),
    ("null.timestamp", Null("timestamp")),
    ("true", True),
    ("-7", -7),
    ("123456789012345678901234567890", 123456789012345678901234567890),
    ("1.5e0", 1.5),
    ("-0.00", Decimal("-0.00")),
    ("5d300", Decimal("5E300")),
    (f"{'9' * 60}.12", Decimal("9" * 60 + ".12")),
    ("2017T", Timestamp("2017T")),
    ("2017-01T", Timestamp("2017-01T")),
    ("2017-08-21T", Timestamp("2017-08-21")),
    ("2017-08-21T10:20Z", Timestamp("2017-08-21T10:20Z")),
    ("2017-08-21T10:20:30-00:00", Timestamp("2017-08-21T10:20:30-00:00")),
    ("2017-08-21T10:20:30.120-03:30", Timestamp("2017-08-21T10:20:30.120-03:30")),
    ("2017-08-21T10:20:30.123456789+01:00", Timestamp("2017-08-21T10:20:30.123456789+01:00")),
    ("sold", Symbol("sold")),
    ("$0", Symbol(None)),
    ('"a\\nb"', "a\nb"),
    ("{{aGk=}}", b"hi"),
    ('{{"hi"}}', Clob(b"hi")),
    ("[1, [2]]", [1, [2]]),
    ("(a 1)", Sexp([Symbol("a"), 1])),
    ("{a: 1, a: 2}", Struct((("a", 1), ("a", 2)))),
    ("euro::cash::5", Annotated(("euro", "cash"), 5)),
]


@needs_ion
@pytest.mark.parametrize(("text", "value"), TYPES, ids=[text[:20] for text, _ in TYPES])
def test_types(text: str, value: IonValue) -> None:
    """Text becomes our value, the same by way of binary, and nothing is lost in an entry."""
    library = import_module("amazon.ion.simpleion")
    (read,) = read_ion(BytesIO(text.encode()))
    (again,) = read_ion(BytesIO(library.dumps(library.loads(text), binary=True)))

    assert repr(read) == repr(again) == repr(value)
    assert ion_hash(from_plain(to_plain(read))) == ion_hash(value)


@needs_ion
@pytest.mark.parametrize(
    "data",
    [b"{a:", b"}", b"[[", b"\xe0\x01\x00\xea\xff\xff", b"2017-02-30", b"[" * 5_000, b"\xff\xfe"],
)
def test_what_is_no_ion(data: bytes) -> None:
    """Broken bytes are refused with a sentence, whatever the library makes of them."""
    with pytest.raises(Refused, match=r".+") as refused:
        list(read_ion(BytesIO(data)))
    assert refused.value.code == "QLDB_UNREADABLE"


@needs_ion
def test_values_come_one_at_a_time() -> None:
    """A large file is not read whole: the first value is there before a broken second."""
    values = read_ion(BytesIO(b"{a:1}" * 3 + b"}"))

    assert next(values) == Struct((("a", 1),))


@needs_ion
@pytest.mark.parametrize("form", ["text", "binary"])
def test_an_export_in_ion_is_proved(
    tmp_path: Path, book: Any, typed: dict[str, Any], form: str
) -> None:
    """All types of a document keep their hash: symbols and floats, which JSON loses."""
    book.add({"a": dict(typed)})
    book.write(tmp_path, form="ion", each=2)
    if form == "binary":
        to_binary(tmp_path)
    export = open_export(tmp_path)

    journal = check_journal(export, typed=export.typed)

    assert (export.typed, journal.unproved, journal.revisions) == (True, 0, 6)
    assert journal.digest == book.digest


def to_binary(folder: Path) -> None:
    """Write every file again in Ion binary, as the format ION_BINARY does."""
    library = import_module("amazon.ion.simpleion")
    for path in (*folder.rglob("*.ion"), *folder.glob("*.manifest")):
        values = library.loads(path.read_text(), single_value=False)
        path.write_bytes(library.dumps(values, binary=True, sequence_as_stream=True))


@needs_ion
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("1N4AL11D75C109151", "2N4AL11D75C109151", "QLDB_CONTRADICTION"),
        ("INSERT INTO", "DELETE FROM", "QLDB_CONTRADICTION"),
        ('"version":1', '"version":2', "QLDB_CONTRADICTION"),
        ("2017-08-21", "2017-08-22", "QLDB_CONTRADICTION"),
        ("90.25", "90.250", "QLDB_CONTRADICTION"),
        ('"Paid":true', '"Paid":null.bool', "QLDB_CONTRADICTION"),
        ('"Count":301', '"Count":a::301', "QLDB_CONTRADICTION"),
    ],
)
def test_what_was_changed_contradicts(
    tmp_path: Path, book: Any, old: str, new: str, code: str
) -> None:
    """In Ion nothing is left open: a change of a value, or only of its type, is refused."""

    def change(lines: list[str]) -> list[str]:
        assert old in lines[1]
        return [line.replace(old, new) if n == 1 else line for n, line in enumerate(lines)]

    export = open_export(book.write(tmp_path, form="ion", change=change))

    with pytest.raises(Refused, match="block 1") as refused:
        check_journal(export, typed=True)
    assert refused.value.code == code


def test_without_the_library(tmp_path: Path, book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export in Ion says what to install; one in JSON needs nothing."""
    monkeypatch.setattr(ion, "has_ion", lambda: False)
    book.write(tmp_path, form="ion")

    with pytest.raises(Refused, match=r"pip install 'tallystick\[qldb\]'") as refused:
        open_export(tmp_path)
    assert refused.value.code == "QLDB_NEEDS_ION"
    shutil.rmtree(tmp_path)
    assert open_export(book.write(tmp_path)).blocks == 5
