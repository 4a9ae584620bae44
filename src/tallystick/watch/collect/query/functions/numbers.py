"""Functions of numbers; what is not defined is missing, never an error."""

from collections.abc import Callable
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.functions.function import Arguments, Function
from tallystick.watch.collect.query.patterns import EXACT_DIGITS_MAX
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad


def _number(template: str) -> Callable[[Arguments], Value]:
    """A function whose arguments are numbers, one `{}` each."""

    def make(call: Arguments) -> Value:
        numbers = [sql("CAST({} AS DOUBLE)", call.number(n)) for n in range(len(call))]
        return Value("number", _finite(sql(template, *numbers)))

    return make


def _finite(number: Sql) -> Sql:
    """The number, or NULL where it is none: an overflow, a root of -1."""
    return sql("list_filter([TRY({})], lambda n: isfinite(n))[1]", number)


def _plain(template: str) -> Callable[[Arguments], Value]:
    """A function of one number that is defined everywhere."""
    return lambda call: Value("number", sql(template, call.number(0)))


def _round(call: Arguments) -> Value:
    digits = call.whole(1, "the digits") if len(call) > 1 else 0
    if abs(digits) > EXACT_DIGITS_MAX:
        raise bad(call.at(1), f"round takes at most {EXACT_DIGITS_MAX} digits")
    number = sql("CAST({} AS DOUBLE)", call.number(0))
    return Value("number", sql(f"TRY(round({{}}, {digits}))", number))


def _log(call: Arguments) -> Value:
    number = sql("CAST({} AS DOUBLE)", call.number(0))
    if len(call) == 1:
        return Value("number", _finite(sql("log10({})", number)))
    base = sql("CAST({} AS DOUBLE)", call.number(1))
    return Value("number", _finite(sql("(ln({}) / ln({}))", number, base)))


def _extreme(name: str) -> Callable[[Arguments], Value]:
    """The least or greatest of the arguments that are numbers."""

    def make(call: Arguments) -> Value:
        numbers = [sql("CAST({} AS DOUBLE)", call.number(n)) for n in range(len(call))]
        return Value("number", sql(f"{name}({{}})", comma(numbers)))

    return make


NUMBERS: Final[dict[str, Function]] = {
    "abs": Function(1, 1, _plain("abs({})")),
    "ceil": Function(1, 1, _plain("ceil({})")),
    "ceiling": Function(1, 1, _plain("ceil({})")),
    "exact": Function(1, 1, _plain("{}")),
    "exp": Function(1, 1, _number("exp({})")),
    "floor": Function(1, 1, _plain("floor({})")),
    "ln": Function(1, 1, _number("ln({})")),
    "log": Function(1, 2, _log),
    "max": Function(1, None, _extreme("greatest")),
    "min": Function(1, None, _extreme("least")),
    "pi": Function(0, 0, lambda _: Value("number", Sql("pi()"))),
    "pow": Function(2, 2, _number("pow({}, {})")),
    "round": Function(1, 2, _round),
    "sign": Function(1, 1, _plain("sign({})")),
    "sqrt": Function(1, 1, _number("sqrt({})")),
}
