"""Lines on their way into the store."""

from decimal import Decimal

import pytest

from tallystick.watch.collect.lines import check_lines, decode_line, encode_line


def test_decimals_keep_their_digits() -> None:
    """A Decimal is written as the number it is, with all its digits."""
    assert encode_line({"a": Decimal("1.10"), "b": Decimal("12345678901234567890.5")}) == (
        b'{"a":1.10,"b":12345678901234567890.5}'
    )


@pytest.mark.parametrize("value", [object(), "\ud800", Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_json_is_refused(value: object) -> None:
    """Nothing reaches the store that a reader could not read."""
    with pytest.raises(ValueError, match=r"line|surrogates"):
        encode_line({"a": value})


def test_deep_nesting_is_refused() -> None:
    """A line nested beyond measure is refused, not a crash."""
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="cannot be written"):
        encode_line(deep)
    with pytest.raises(ValueError, match="no JSON object"):
        check_lines([b'{"a":' * 5_000 + b"1" + b"}" * 5_000])


def test_numbers_beyond_any_float_are_read_as_text() -> None:
    """JSON allows them, so a sender's line may have one: nobody who reads it may fail."""
    line = b'{"a":1e999,"b":{"c":[-1E400]},"d":1.5,"e":99999999999999999999999999}'
    check_lines([line])
    read = {"a": "1e999", "b": {"c": ["-1E400"]}, "d": 1.5, "e": 99999999999999999999999999}
    assert decode_line(line) == decode_line(line.decode()) == read


def test_an_integer_that_python_does_not_read_is_its_text() -> None:
    """CPython reads no more than 4,300 digits; the other members are there all the same."""
    digits = "9" * 5_000
    line = f'{{"a":{digits},"b":1,"c":[{digits}]}}'.encode()
    check_lines([line])
    assert decode_line(line) == {"a": digits, "b": 1, "c": f"[{digits}]"}
