"""What a function is: how many arguments it takes, and the SQL it makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.nodes import Call, Constant
from tallystick.watch.collect.query.regexes import Regex, read_regex
from tallystick.watch.collect.query.values import Value, ValueKind
from tallystick.watch.collect.query.wording import bad


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call, compiled; `now_ns` is what `now()` says."""

    call: Call
    values: tuple[Value, ...]
    now_ns: int

    def __len__(self) -> int:
        return len(self.values)

    def text(self, number: int) -> Sql:
        """The argument as text."""
        return self.values[number].text()

    def number(self, number: int) -> Sql:
        """The argument as a number."""
        return self.values[number].number()

    def at(self, number: int) -> int:
        """Where it stands in the query."""
        return self.call.arguments[number].at

    def literal(self, number: int, what: str) -> str:
        """The argument, which has to be a text that stands in the query."""
        argument = self.call.arguments[number]
        if isinstance(argument, Constant) and isinstance(argument.value, str):
            return argument.value
        raise bad(argument.at, f"{self.call.name} needs {what} in quotes here")

    def whole(self, number: int, what: str) -> int:
        """The argument, which has to be a whole number that stands in the query."""
        argument = self.call.arguments[number]
        value = argument.value if isinstance(argument, Constant) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise bad(argument.at, f"{self.call.name} needs {what}, a whole number, here")
        return int(value)

    def regex(self, number: int) -> Regex:
        """The argument, which has to be a regular expression that stands in the query."""
        return read_regex(self.literal(number, "a regular expression"), self.at(number))


@dataclass(frozen=True)
class Function:
    """`make` gives the value of a call; `most` is None where any number of arguments goes."""

    least: int
    most: int | None
    make: Callable[[Arguments], Value]

    @property
    def takes(self) -> str:
        """How many arguments, in words."""
        if self.most is None:
            return f"at least {self.least} arguments"
        counts = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return f"{counts} argument{'' if counts == '1' else 's'}"


def unified(values: list[Value]) -> tuple[ValueKind, list[Sql]]:
    """One kind for all of these, and each of them in it; NULL constants have any kind."""
    kinds = {value.kind for value in values if not value.own.text.startswith("CAST(NULL")}
    if kinds == {"number", "time"}:
        return "number", [value.number() for value in values]
    if len(kinds) == 1:
        (kind,) = kinds
        return kind, [in_kind(value, kind) for value in values]
    if "list" in kinds:
        return "list", [value.items() for value in values]
    return "any", [value.text() for value in values]


def in_kind(value: Value, kind: ValueKind) -> Sql:
    """The value read as this kind."""
    match kind:
        case "number":
            return value.number()
        case "truth":
            return value.truth()
        case "time":
            return value.time()
        case "list":
            return value.items()
        case _:
            return value.text()
