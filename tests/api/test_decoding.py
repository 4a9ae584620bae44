"""What a refused body or query is told: the member, and what it may be, in words of the trade."""

from typing import Annotated

import msgspec
import pytest

from tallystick.api.accounts import OpenAccount
from tallystick.api.decoding import allowed_at, decode_body, decode_query, decode_time
from tallystick.api.orders import OrdersQuery
from tallystick.api.stops import StopTrading
from tallystick.errors import Refused
from tallystick.execution.request import PlaceOrder
from tallystick.execution.rfq.asked import AskQuote


class Bag(msgspec.Struct):
    """Every kind of bound."""

    names: Annotated[list[str], msgspec.Meta(min_length=1, max_length=2)] = []
    number: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    word: Annotated[str, msgspec.Meta(max_length=3)] = ""
    flag: bool | None = None


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ('{"names": []}', "names", "names must have at least 1 items."),
        ('{"names": ["a", "b", "c"]}', "names", "names must have at most 2 items."),
        ('{"names": ["a", 1]}', "names[1]", 'names[1] must be a string, such as "1000000";'),
        ('{"names": 5}', "names", "names must be a list."),
        ('{"number": 1001}', "number", "number must be at most 1,000."),
        ('{"number": "5"}', "number", "number must be a whole number."),
        ('{"word": "long"}', "word", "word must have at most 3 characters."),
        ('{"flag": 1}', "flag", "flag must be true or false or null."),
        ("[]", None, "The body must be an object."),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith(("{", "[")) else "",
)
def test_what_is_told(body: str, field: str | None, sentence: str) -> None:
    """The member, what it must be, no word of the codec."""
    with pytest.raises(Refused) as caught:
        decode_body(msgspec.json.Decoder(Bag), body.encode())
    assert (caught.value.code, caught.value.field) == ("VALUE_NOT_ALLOWED", field)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("kind", "field", "allowed"),
    [
        (PlaceOrder, "side", "buy, sell"),
        (PlaceOrder, "if_done[...].time_in_force", "GTC, GTD, GFD, IOC, FOK"),
        (AskQuote, "type", "spot, outright, swap, ndf"),
        (StopTrading, "state", "active, reducing, halted"),
        (OpenAccount, "mode", "netting, hedging, fifo"),
        (PlaceOrder, "quantity", ""),
        (PlaceOrder, "nothing.of.it", ""),
    ],
)
def test_the_values_of_a_member_are_those_of_its_own_type(
    kind: type, field: str, allowed: str
) -> None:
    """A quote's type is no order's type, and the state of trading no order's state."""
    assert sorted(allowed_at(kind, field)) == sorted(allowed.split(", ") if allowed else [])


def test_a_query_names_them_too() -> None:
    """As bodies do."""
    with pytest.raises(Refused, match=r"state must be one of .*suspended.*open") as caught:
        decode_query({"state": "working"}, OrdersQuery)
    assert caught.value.field == "state"


def test_a_time_is_told_as_it_should_be() -> None:
    """Nanoseconds since the epoch; else the field, an example, and not all of a long text."""
    assert decode_time("from", "1970-01-01T00:00:01Z") == 1_000_000_000
    with pytest.raises(Refused, match=r"^from: 'x+' is not a time such as") as refused:
        decode_time("from", "x" * 1_000)
    assert (refused.value.code, refused.value.field) == ("VALUE_NOT_ALLOWED", "from")
    assert len(str(refused.value)) < 200
