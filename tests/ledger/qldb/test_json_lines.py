"""JSON exports: bytes of a stranger become blocks, or are refused with a sentence."""

from decimal import Decimal
from io import BytesIO

import pytest

from tallystick.errors import Refused
from tallystick.ledger.qldb import json_lines
from tallystick.ledger.qldb.json_lines import DEPTH_MAX, parse_json, read_json_lines, readings
from tallystick.ledger.qldb.values import IonValue, Struct, Timestamp


@pytest.mark.parametrize(
    "line",
    [b"{", b"\xff", b'{"a":NaN}', b'{"a":Infinity}', b'{"blockHash":"?"}',
     b'{"blockTimestamp":"yesterday"}', b'{"a":"\\ud800"}', b'{"\\ud800":1}',
     b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 101 + b"1" + b"}" * 101, b"1" * 5_000],
    ids=["open", "no-utf8", "nan", "infinity", "no-base64", "no-time", "surrogate",
         "surrogate-name", "deep-list", "deep-struct", "long-number"],
)  # fmt: skip
def test_what_is_no_block(line: bytes) -> None:
    """Broken JSON, strings that are not Unicode, nesting and digits without end."""
    with pytest.raises(Refused, match="not as documented") as refused:
        list(read_json_lines(BytesIO(line + b"\n")))
    assert refused.value.code == "QLDB_UNREADABLE"


def test_lines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without line ends does not fill the memory."""
    monkeypatch.setattr(json_lines, "BLOCK_BYTES_MAX", 10)

    assert len(list(read_json_lines(BytesIO(b'{"a":123}\n\n{"a":123}')))) == 2
    with pytest.raises(Refused, match="longer than 10 bytes"):
        list(read_json_lines(BytesIO(b'{"a":12345}')))


def test_numbers_are_exact() -> None:
    """As in Ion: digits alone are an int, a point or an exponent makes a decimal."""
    value = parse_json(b"[1, 1.50, 1e2, -0.0, 12345678901234567890]")

    assert value == [1, Decimal("1.50"), Decimal("1E2"), Decimal("-0.0"), 12345678901234567890]
    assert str(value[1]) == "1.50"  # type: ignore[index]


def test_depth_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the limit is read."""
    assert parse_json(b"[" * (DEPTH_MAX - 1) + b"1" + b"]" * (DEPTH_MAX - 1))
    monkeypatch.setattr(json_lines, "DEPTH_MAX", 2)
    with pytest.raises(ValueError, match="nested more than 2"):
        parse_json(b"[[1]]")


def test_readings() -> None:
    """A document may have been four things in Ion, of which the plainest comes first."""
    data: IonValue = Struct((("at", "2017-08-21"), ("list", [Decimal("1.5"), "x", 1])))

    found = list(readings(data))

    assert found[0] == data
    assert [type(each.get("at")) for each in found if isinstance(each, Struct)] == [
        str, str, Timestamp, Timestamp,
    ]  # fmt: skip
    numbers = [each.get("list") for each in found if isinstance(each, Struct)]
    assert [type(each[0]) for each in numbers if isinstance(each, list)] == [
        Decimal, float, Decimal, float,
    ]  # fmt: skip
