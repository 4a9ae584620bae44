"""How two values of an expression compare: as times, as numbers, or as texts."""

from tallystick.errors import Refused
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.nodes import Constant, Expr
from tallystick.watch.collect.query.patterns import exact_number_of
from tallystick.watch.collect.query.times import parse_time
from tallystick.watch.collect.query.values import Source, Value, constant, sql


def comparison(sign: str, left: Expr, right: Expr, values: list[Value], now_ns: int) -> Sql:
    """Two operands, with their values, in one of the orders; NULL where one is missing."""
    sign = {"==": "=", "!=": "<>"}.get(sign, sign)
    first = _as_compared(values[0], left, values[1], now_ns)
    second = _as_compared(values[1], right, values[0], now_ns)
    return compared(sign, first, second)


def equal_to(value: Value, operand: Expr, other: Value, candidate: Expr, now_ns: int) -> Sql:
    """Whether two compiled operands are equal."""
    return comparison("=", operand, candidate, [value, other], now_ns)


def _as_compared(value: Value, operand: Expr, other: Value, now_ns: int) -> Value:
    """A text that stands in the query takes the kind of what it is compared with."""
    if not (isinstance(operand, Constant) and isinstance(operand.value, str)):
        return value
    if other.kind == "time":
        try:
            at_ns = parse_time(operand.value, now_ns, operand.at)
        except Refused:
            return value
        return Value("time", sql("make_timestamp_ns({})", at_ns))
    number = exact_number_of(operand.value)
    if other.kind in {"any", "number"} and number is not None:
        return constant(number)
    return value


def compared(sign: str, left: Value, right: Value) -> Sql:
    """Two values: as numbers where one is a number, as texts where one is a text.

    Where the kind is open on both sides, a row compares as numbers when both spell one.
    """
    kinds = {left.kind, right.kind}
    if "list" in kinds and sign in {"=", "<>"}:
        return _among(sign, left, right)
    if kinds == {"time"}:
        return sql(f"({{}} {sign} {{}})", left.sql, right.sql)
    if kinds == {"truth"}:
        return sql(f"({{}} {sign} {{}})", left.sql, right.sql)
    if kinds & {"number", "time"}:
        return _as_numbers(sign, left, right)
    if kinds <= {"any"}:
        return sql(
            f"(CASE WHEN {{}} IS NOT NULL AND {{}} IS NOT NULL THEN {{}} {sign} {{}}"
            f" ELSE {{}} {sign} {{}} END)",
            *(left.number(), right.number()) * 2,
            left.text(),
            right.text(),
        )
    return sql(f"({{}} {sign} {{}})", left.text(), right.text())


def _as_numbers(sign: str, left: Value, right: Value) -> Sql:
    if sign != "<>":
        return sql(f"({{}} {sign} {{}})", left.number(), right.number())
    return sql(
        "({} IS DISTINCT FROM {} AND {} IS NOT NULL AND {} IS NOT NULL)",
        left.number(),
        right.number(),
        left.sql if not isinstance(left, Source) else left.text(),
        right.sql if not isinstance(right, Source) else right.text(),
    )


def _among(sign: str, left: Value, right: Value) -> Sql:
    """A list equals what one of its elements equals."""
    items, one = (left, right) if left.kind == "list" else (right, left)
    found = sql("list_contains({}, {})", items.sql, one.text())
    return found if sign == "=" else sql("(NOT {})", found)
