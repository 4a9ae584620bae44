"""What a query is once it is read: frozen trees of tests (search) and of expressions (eval)."""

from dataclasses import dataclass
from typing import Literal

Order = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Pattern:
    """Literal pieces with anything between them; a single piece is exact."""

    pieces: tuple[str, ...]

    @property
    def exact(self) -> str | None:
        """The text, when there is no wildcard in it."""
        return self.pieces[0] if len(self.pieces) == 1 else None


# -- the first stage: tests of a line ------------------------------------------------------------


@dataclass(frozen=True)
class Says:
    """A value of the line contains this."""

    pattern: Pattern


@dataclass(frozen=True)
class Is:
    """The field is there and its whole text fits one of these."""

    field: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Differs:
    """The field is there and its whole text does not fit."""

    field: str
    pattern: Pattern


@dataclass(frozen=True)
class Measures:
    """The field is a number and stands so to this one."""

    field: str
    order: Order
    number: float


@dataclass(frozen=True)
class Happened:
    """The line's time stands so to this moment, in nanoseconds since the epoch."""

    order: Order
    at_ns: int


@dataclass(frozen=True)
class AllOf:
    """Each of these holds."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True)
class AnyOf:
    """One of these holds."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True)
class Not:
    """It does not hold, also because the field is missing."""

    node: "Node"


Node = Says | Is | Differs | Measures | Happened | AllOf | AnyOf | Not


# -- where, eval and what stands in stats: expressions -------------------------------------------


@dataclass(frozen=True)
class Field:
    """The value of a field."""

    name: str
    at: int


@dataclass(frozen=True)
class Constant:
    """A value that stands in the query; None is null."""

    value: str | float | bool | None
    at: int


@dataclass(frozen=True)
class Call:
    """A function of the registry."""

    name: str
    arguments: "tuple[Expr, ...]"
    at: int


@dataclass(frozen=True)
class Chain:
    """Operands of one level of precedence, applied from the left; one sign fewer than operands."""

    operands: "tuple[Expr, ...]"
    signs: tuple[str, ...]
    at: int


@dataclass(frozen=True)
class Negated:
    """NOT, where a missing value counts as false."""

    operand: "Expr"
    at: int


Expr = Field | Constant | Call | Chain | Negated


@dataclass(frozen=True)
class Aggregate:
    """One value of many rows: `p99(duration_us) AS slow`."""

    function: str
    argument: Expr | None
    name: str
    at: int


@dataclass(frozen=True)
class Word:
    """A bare word among the arguments of a command."""

    text: str
    at: int


@dataclass(frozen=True)
class Quoted:
    """A quoted text among the arguments of a command."""

    text: str
    at: int


@dataclass(frozen=True)
class Option:
    """`name=value`; `value_at` is where the value begins."""

    name: str
    value: str
    at: int
    value_at: int


@dataclass(frozen=True)
class Mark:
    """A comma or a parenthesis."""

    text: str
    at: int


Argument = Word | Quoted | Option | Mark


@dataclass(frozen=True)
class Aggregates:
    """What stands behind stats, eventstats, streamstats, timechart and chart."""

    aggregates: tuple[Aggregate, ...]
    over: tuple[Field, ...]
    by: tuple[Field, ...]
    options: tuple[Option, ...]
