"""Functions that choose and test."""

import ipaddress
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.comparison import equal_to
from tallystick.watch.collect.query.functions.function import Arguments, Function, unified
from tallystick.watch.collect.query.values import Value, comma, constant, null, sql
from tallystick.watch.collect.query.wording import bad, shown

_IPV4 = "^[0-9]{1,3}([.][0-9]{1,3}){3}$"


def _if(call: Arguments) -> Value:
    kind, (yes, no) = unified(list(call.values[1:]))
    condition = call.values[0].truth()
    return Value(kind, sql("CASE WHEN {} THEN {} ELSE {} END", condition, yes, no))


def _case(call: Arguments) -> Value:
    if len(call) % 2:
        raise bad(call.call.at, "case takes pairs: a condition, and the value where it holds")
    kind, results = unified(list(call.values[1::2]))
    conditions = [value.truth() for value in call.values[::2]]
    branches = [
        sql("WHEN {} THEN {}", condition, result)
        for condition, result in zip(conditions, results, strict=True)
    ]
    return Value(kind, sql("CASE {} END", comma(branches, " ")))


def _coalesce(call: Arguments) -> Value:
    kind, parts = unified(list(call.values))
    return Value(kind, sql("coalesce({})", comma(parts)))


def _nullif(call: Arguments) -> Value:
    kind, (value, other) = unified(list(call.values))
    return Value(kind, sql("nullif({}, {})", value, other))


def _in(call: Arguments) -> Value:
    value, candidates = call.call.arguments[0], call.call.arguments[1:]
    parts = [
        equal_to(call.values[0], value, other, candidate, call.now_ns)
        for other, candidate in zip(call.values[1:], candidates, strict=True)
    ]
    return Value("truth", sql("({})", comma(parts, " OR ")))


def _like(call: Arguments) -> Value:
    """`%` is anything, `_` one character, a backslash takes them as they are."""
    pattern = call.text(1)
    return Value("truth", sql("({} LIKE {} ESCAPE '\\')", call.text(0), _closed(pattern)))


def _closed(pattern: Sql) -> Sql:
    """A pattern that ends in its escape character would be an error in each row."""
    return sql(r"regexp_replace({}, '(^|[^\\])((?:\\\\)*)\\$', '\1\2\\\\')", pattern)


def _match(call: Arguments) -> Value:
    return Value("truth", sql("regexp_matches({}, {})", call.text(0), call.regex(1).text))


def _cidrmatch(call: Arguments) -> Value:
    """The network may be first, as Splunk has it, or second, as PPL has it."""
    order = (0, 1)
    if "/" not in _constant(call, 0) and "/" in _constant(call, 1):
        order = (1, 0)
    text = call.literal(order[0], "a network such as 10.0.0.0/8")
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        reason = f"{shown(text)} is no IPv4 network such as 10.0.0.0/8"
        raise bad(call.at(order[0]), reason) from None
    address = sql(f"string_split(regexp_extract({{}}, '{_IPV4}'), '.')", call.text(order[1]))
    parts = [
        sql(f"TRY_CAST({{}}[{place}] AS UTINYINT) * {256 ** (4 - place)}", address)
        for place in range(1, 5)
    ]
    low, high = int(network.network_address), int(network.broadcast_address)
    return Value("truth", sql("({} BETWEEN {} AND {})", comma(parts, " + "), low, high))


def _constant(call: Arguments, number: int) -> str:
    value = getattr(call.call.arguments[number], "value", None)
    return value if isinstance(value, str) else ""


def _isnull(call: Arguments) -> Value:
    return Value("truth", sql("({} IS NULL)", call.values[0].sql))


def _isnotnull(call: Arguments) -> Value:
    return Value("truth", sql("({} IS NOT NULL)", call.values[0].sql))


def _isnum(call: Arguments) -> Value:
    return Value("truth", sql("({} IS NOT NULL)", call.number(0)))


def _isstr(call: Arguments) -> Value:
    number, text = call.number(0), call.values[0].sql
    return Value("truth", sql("({} IS NULL AND {} IS NOT NULL)", number, text))


def _typeof(call: Arguments) -> Value:
    value = call.values[0]
    named = {"number": "Number", "truth": "Boolean", "time": "Number", "list": "Multivalue"}
    if value.kind in named:
        name = Sql(f"'{named[value.kind]}'")
    else:
        name = sql("CASE WHEN {} IS NOT NULL THEN 'Number' ELSE 'String' END", value.number())
    return Value("text", sql("CASE WHEN {} IS NULL THEN 'Null' ELSE {} END", value.sql, name))


LOGIC: Final[dict[str, Function]] = {
    "case": Function(2, None, _case),
    "cidrmatch": Function(2, 2, _cidrmatch),
    "coalesce": Function(1, None, _coalesce),
    "eval": Function(1, 1, lambda call: call.values[0]),
    "if": Function(3, 3, _if),
    "ifnull": Function(2, 2, _coalesce),
    "in": Function(2, None, _in),
    "isbool": Function(1, 1, lambda call: constant(call.values[0].kind == "truth")),
    "isint": Function(
        1, 1, lambda call: Value("truth", sql("({} = floor({}))", call.number(0), call.number(0)))
    ),
    "isnotnull": Function(1, 1, _isnotnull),
    "isnull": Function(1, 1, _isnull),
    "isnum": Function(1, 1, _isnum),
    "ispresent": Function(1, 1, _isnotnull),
    "isstr": Function(1, 1, _isstr),
    "like": Function(2, 2, _like),
    "match": Function(2, 2, _match),
    "null": Function(0, 0, lambda _: null()),
    "nullif": Function(2, 2, _nullif),
    "regex_match": Function(2, 2, _match),
    "regexp_match": Function(2, 2, _match),
    "typeof": Function(1, 1, _typeof),
}
