"""Expressions of eval, where and stats as SQL."""

from typing import assert_never

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.comparison import comparison
from tallystick.watch.collect.query.functions import FUNCTIONS, Arguments
from tallystick.watch.collect.query.nodes import Call, Chain, Constant, Expr, Field, Negated
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.values import Value, comma, constant, sql
from tallystick.watch.collect.query.wording import bad, unknown

_ORDERS = frozenset({"<", "<=", ">", ">="})


def compiled(expression: Expr, stage: Stage) -> Value:
    """The value of the expression in each row of the stage."""
    match expression:
        case Field(name):
            return stage.field(name)
        case Constant(value):
            return constant(value)
        case Negated(operand):
            return Value("truth", sql("(NOT coalesce({}, false))", truth(operand, stage)))
        case Call():
            return _call(expression, stage)
        case Chain():
            return _chain(expression, stage)
        case _:  # pragma: no cover
            assert_never(expression)


def truth(expression: Expr, stage: Stage) -> Sql:
    """The expression as a condition; NULL counts as false."""
    return compiled(expression, stage).truth()


def _call(call: Call, stage: Stage) -> Value:
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise unknown(call.at, "function", call.name, FUNCTIONS)
    count = len(call.arguments)
    if count < function.least or (function.most is not None and count > function.most):
        raise bad(call.at, f"{call.name} takes {function.takes}, not {count}")
    values = tuple(compiled(argument, stage) for argument in call.arguments)
    return function.make(Arguments(call, values, stage.builder.now_ns))


def _chain(chain: Chain, stage: Stage) -> Value:
    sign = chain.signs[0]
    if sign in {"AND", "OR"}:
        parts = [truth(operand, stage) for operand in chain.operands]
        return Value("truth", sql("({})", comma(parts, f" {sign} ")))
    values = [compiled(operand, stage) for operand in chain.operands]
    if sign == "XOR":
        parts = [sql("coalesce({}, false)", value.truth()) for value in values]
        flags = [sql("CAST({} AS INTEGER)", part) for part in parts]
        return Value("truth", sql("(({}) % 2 = 1)", comma(flags, " + ")))
    if sign == "." or (set(chain.signs) == {"+"} and any(v.kind == "text" for v in values)):
        return Value("text", sql("({})", comma([value.text() for value in values], " || ")))
    if sign in {"=", "==", "!=", "<>"} or sign in _ORDERS:
        left, right = chain.operands
        return Value("truth", comparison(sign, left, right, values, stage.builder.now_ns))
    return Value("number", _arithmetic(chain.signs, values))


def _arithmetic(signs: tuple[str, ...], values: list[Value]) -> Sql:
    """From the left; what is divided by 0 is missing."""
    whole = sql("({}", _double(values[0]))
    for sign, value in zip(signs, values[1:], strict=True):
        if sign in {"/", "%"}:
            whole = sql(f"{{}} {sign} nullif({{}}, 0)", whole, _double(value))
        else:
            whole = sql(f"{{}} {sign} {{}}", whole, _double(value))
    return sql("{})", whole)


def _double(value: Value) -> Sql:
    return sql("CAST({} AS DOUBLE)", value.number())
