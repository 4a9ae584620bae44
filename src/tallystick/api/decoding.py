"""Bytes to values: decode a body or a query, or refuse it in words of the trade."""

import re
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import inspect

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused

T = TypeVar("T")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_INVALID = re.compile(r"Invalid (?:enum )?value ")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?([<>]=) (\d+)$")
_EXPECTED = re.compile(r"Expected `([^`]*)`, got `")
_WORDS = {
    "str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip
_PARTS = {"array": " items", "str": " characters"}
"""What the length of a value counts."""


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The value in a JSON body.

    Raises:
        Refused: `BAD_JSON`, `UNKNOWN_FIELD`, `VALUE_NOT_ALLOWED`, `BAD_REQUEST`.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refusal_of(str(error), decoder.type) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("BAD_JSON", f"The body is not JSON: {error}.") from error


def decode_query(query: dict[str, str], kind: type[T]) -> T:
    """The value in query parameters.

    Raises:
        Refused: `UNKNOWN_FIELD`, `VALUE_NOT_ALLOWED`, `BAD_REQUEST`.
    """
    try:
        return msgspec.convert(query, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal_of(str(error), kind) from error


def decode_time(field: str, text: str) -> int:
    """An RFC 3339 time in nanoseconds since the epoch.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        sentence = f"{field}: {text[:64]!r} is not a time such as 2026-11-22T17:00:00Z."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field=field) from error


def refusal_of(message: str, kind: object = None) -> Refused:
    """The codec's complaint about a value of a type, as a refusal that a trader understands."""
    where = _AT.search(message)
    field = where[1] if where else None
    inside = f"{field}." if field else ""
    if unknown := _UNKNOWN.search(message):
        name = unknown[1]
        sentence = f"There is no member {name!r} here."
        return Refused("UNKNOWN_FIELD", sentence, field=inside + name)
    if missing := _MISSING.search(message):
        name = missing[1]
        return Refused("BAD_REQUEST", f"The member {name!r} is missing.", field=inside + name)
    text = _AT.sub("", message)
    sentence = f"{field or 'The body'} {_must(text, field or '', kind)}."
    return Refused("VALUE_NOT_ALLOWED", sentence, field=field)


def _must(text: str, field: str, kind: object) -> str:
    """What a value has to be, said behind its name."""
    if text in {"Expected `str`, got `int`", "Expected `str`, got `float`"}:
        return 'must be a string, such as "1000000"; JSON numbers are not exact'
    if _INVALID.match(text):
        allowed = allowed_at(kind, field)
        if allowed:
            return f"must be one of {', '.join(allowed)}"
    if bound := _BOUND.match(text):
        most = "at most" if bound[3] == "<=" else "at least"
        verb, what = ("have", _PARTS.get(bound[1], "")) if bound[2] else ("be", "")
        return f"must {verb} {most} {int(bound[4]):,}{what}"
    if expected := _EXPECTED.match(text):
        words = [_WORDS.get(each, each) for each in expected[1].split(" | ")]
        return f"must be {' or '.join(words)}"
    return f"cannot be used: {text[:1].lower()}{text[1:]}"


def allowed_at(kind: object, field: str) -> tuple[str, ...]:
    """The closed list of values of a member, such as `if_done[0].type`; empty where it has none."""
    types = [] if kind is None else _alternatives(_type_info(kind))
    tags: list[str] = []
    for name in re.findall(r"[^.\[\]]+|\[[^\]]*\]", field):
        tags = [str(each.tag) for each in _structs(types) if each.tag_field == name]
        types = [each for one in types for each in _inside(one, name)]
    literals = [each for each in types if isinstance(each, inspect.LiteralType)]
    return (*tags, *(str(value) for each in literals for value in each.values))


@cache
def _type_info(kind: object) -> inspect.Type:
    return inspect.type_info(kind)


def _inside(kind: inspect.Type, name: str) -> list[inspect.Type]:
    """The types of a member, or of the items of a list."""
    if isinstance(kind, inspect.StructType):
        found = [each.type for each in kind.fields if each.encode_name == name]
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        found = [kind.item_type]
    else:
        found = []
    return [each for one in found for each in _alternatives(one)]


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _structs(types: list[inspect.Type]) -> list[inspect.StructType]:
    return [each for each in types if isinstance(each, inspect.StructType)]
