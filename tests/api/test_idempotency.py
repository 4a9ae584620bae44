"""From the Idempotency-Key header to the desk's key: what makes two requests the same."""

from typing import Any

import msgspec
import pytest

from tallystick.access import Principal
from tallystick.api.idempotency import answered, header_key, key_of
from tallystick.api.operation import Call
from tallystick.errors import Refused


class Body(msgspec.Struct):
    """A body with two members."""

    one: str
    two: int = 2


def call(key: str | None = "k", body: Any = None, target: str = "POST /x", who: str = "t") -> Call:
    """A request."""
    headers = {} if key is None else {"idempotency-key": key}
    principal = Principal(who, "demo", frozenset())
    return Call(principal, {}, None, body, headers, {}, target)


def test_without_the_header_there_is_no_key() -> None:
    """Neither for orders nor for other writes."""
    assert key_of(call(None)) is None
    assert header_key(call(None)) is None


def test_the_same_request_has_the_same_key() -> None:
    """Members left to their defaults are the same as said."""
    one = key_of(call(body=msgspec.json.decode(b'{"one":"a"}', type=Body)))
    two = key_of(call(body=msgspec.json.decode(b'{"two":2, "one":"a"}', type=Body)))

    assert one == two
    assert one is not None
    assert one.text == "write t k"


@pytest.mark.parametrize(
    "other",
    [
        call(body=Body("b")),
        call(body=Body("a", 3)),
        call(body=Body("a"), target="PUT /x"),
        call(body=Body("a"), target="POST /x?account=other"),
        call(body=None),
    ],
    ids=["member", "default", "method", "query", "no body"],
)
def test_another_request_has_another_digest(other: Call) -> None:
    """Under the same key, which is how a conflict is found."""
    mine, theirs = key_of(call(body=Body("a"))), key_of(other)

    assert mine is not None
    assert theirs is not None
    assert mine.text == theirs.text
    assert mine.digest != theirs.digest


def test_a_key_belongs_to_who_asks() -> None:
    """Another token's name, another key."""
    mine, theirs = key_of(call()), key_of(call(who="other"))

    assert mine is not None
    assert theirs is not None
    assert mine.text != theirs.text


@pytest.mark.parametrize("key", ["", "a b", "k" * 65, "\xe4", "a\n"])
def test_a_key_that_cannot_be_used(key: str) -> None:
    """Refused with the name of the header."""
    with pytest.raises(Refused) as caught:
        key_of(call(key))
    assert (caught.value.code, caught.value.field) == ("BAD_KEY", "Idempotency-Key")


def test_only_the_headers_say_that_an_answer_is_stored() -> None:
    """The body is the same either way."""
    first = answered(Body("a"), replayed=False, status=201, location="/x/1")
    again = answered(Body("a"), replayed=True, status=201, location="/x/1")

    assert first.body == again.body == b'{"one":"a","two":2}'
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["location"] == again.headers["location"] == "/x/1"
    assert (again.status_code, again.headers["content-type"]) == (201, "application/json")
