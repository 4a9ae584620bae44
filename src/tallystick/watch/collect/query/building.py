"""The tree that lark read, turned into our own frozen one from the leaves up."""

import math
import re
from typing import Any, Final

from lark import Token, Transformer

from tallystick.limits import QUERY_TERMS_MAX
from tallystick.watch.collect.query.comparing import TimeModifier, Value, compared
from tallystick.watch.collect.query.nodes import (
    Aggregate,
    Aggregates,
    AllOf,
    AnyOf,
    Argument,
    Call,
    Chain,
    Constant,
    Expr,
    Field,
    Is,
    Mark,
    Negated,
    Node,
    Not,
    Option,
    Pattern,
    Quoted,
    Says,
    Word,
)
from tallystick.watch.collect.query.patterns import bare_pattern, quoted_pattern, quoted_text
from tallystick.watch.collect.query.wording import bad

_FIELD_OP = re.compile(r"(.*?)\s*(:?(?:!=|<=|>=|==?|<|>)|:)\s*", re.DOTALL)
_FIELD_IN = re.compile(r"(.*?)\s+IN\s*", re.DOTALL | re.IGNORECASE)

EXPRESSION_PARTS_MAX: Final = 200
"""Most operands and arguments in the expressions of one command."""
Children = list[Any]
"""What lark hands over: tokens, and what was made of the subtrees."""


class Alias(str):
    """The name behind AS."""

    __slots__ = ()


class Building(Transformer[Token, Any]):
    """One method a rule of the grammar; `now_ns` is what relative times count from."""

    def __init__(self, text: str, now_ns: int) -> None:
        super().__init__(visit_tokens=False)
        self._text = text
        self._now_ns = now_ns
        self._terms = 0
        self._parts = 0

    # -- search ----------------------------------------------------------------------------------

    def search(self, children: Children) -> "tuple[Node | None, tuple[TimeModifier, ...]]":
        """The whole condition, and the time modifiers that stood among its terms."""
        nodes: list[Node] = []
        modifiers: list[TimeModifier] = []
        for child in _flat(children, AllOf):
            if isinstance(child, TimeModifier):
                modifiers.append(child)
            else:
                nodes.append(child)
        where = nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes)) if nodes else None
        return where, tuple(modifiers)

    def conjunction(self, children: Children) -> Any:
        """Terms side by side."""
        return children[0] if len(children) == 1 else AllOf(tuple(_flat(children, AllOf)))

    def disjunction(self, children: Children) -> Any:
        """Terms with OR between them."""
        if len(children) == 1:
            return children[0]
        for child in children:
            _no_time(child, "OR")
        return AnyOf(tuple(_flat(children, AnyOf)))

    def negation(self, children: Children) -> Any:
        """A term behind any number of NOT."""
        *signs, node = children
        if signs:
            _no_time(node, "NOT")
        return Not(node) if len(signs) % 2 else node

    def compared(self, children: Children) -> Any:
        """`field=value` and its like."""
        name, value = children
        match = _FIELD_OP.fullmatch(name)
        assert match is not None  # noqa: S101  the grammar reads the same
        self._count(name)
        field = _search_field(match[1])
        said = Value(str(value), value.type, value.start_pos)
        return compared(field, match[2], said, self._now_ns, name.start_pos)

    def one_of(self, children: Children) -> Node:
        """`field IN (a, b)`."""
        name, *patterns = children
        match = _FIELD_IN.fullmatch(name)
        assert match is not None  # noqa: S101  the grammar reads the same
        self._count(name)
        return Is(_search_field(match[1]), tuple(patterns))

    def in_value(self, children: Children) -> Pattern:
        """One of the values behind IN."""
        return _pattern(children[0])

    def says(self, children: Children) -> Node:
        """Free text."""
        self._count(children[0])
        return Says(_pattern(children[0]))

    def _count(self, token: Token) -> None:
        self._terms += 1
        if self._terms > QUERY_TERMS_MAX:
            raise bad(token.start_pos or 0, f"a query has at most {QUERY_TERMS_MAX} terms")

    # -- expressions -----------------------------------------------------------------------------

    def expression(self, children: Children) -> Expr:
        """A whole expression."""
        whole: Expr = children[0]
        return whole

    def assignments(self, children: Children) -> tuple[tuple[Field, Expr], ...]:
        """`a=..., b=...`."""
        return tuple(children)

    def assignment(self, children: Children) -> tuple[Field, Expr]:
        """`a=...`."""
        return children[0], children[1]

    def xor(self, children: Children) -> Expr:
        """A XOR b."""
        return self._chain(children, "XOR")

    def or_(self, children: Children) -> Expr:
        """A OR b."""
        return self._chain(children, "OR")

    def and_(self, children: Children) -> Expr:
        """A AND b."""
        return self._chain(children, "AND")

    def negated(self, children: Children) -> Expr:
        """NOT a."""
        return _negated(len(children) - 1, children[-1], children[0].start_pos)

    def order(self, children: Children) -> Expr:
        """A < b and the like."""
        left, sign, right = children
        return Chain((left, right), (str(sign),), left.at)

    def equals(self, children: Children) -> Expr:
        """A = b."""
        return Chain((children[0], children[1]), ("=",), children[0].at)

    def in_list(self, children: Children) -> Expr:
        """A IN (b, c)."""
        operands, at = _operands(children), children[0].at
        self._weigh(at, len(operands))
        return _negated(_nots(children), Call("in", operands, at), at)

    def likes(self, children: Children) -> Expr:
        """A LIKE b."""
        operands, at = _operands(children), children[0].at
        return _negated(_nots(children), Call("like", operands, at), at)

    def between(self, children: Children) -> Expr:
        """A BETWEEN b AND c."""
        value, low, high = _operands(children)
        inside = Chain(
            (
                Chain((value, low), (">=",), value.at),
                Chain((value, high), ("<=",), value.at),
            ),
            ("AND",),
            value.at,
        )
        return _negated(_nots(children), inside, value.at)

    def is_null(self, children: Children) -> Expr:
        """A IS NULL."""
        operand = children[0]
        return _negated(_nots(children), Call("isnull", (operand,), operand.at), operand.at)

    def _weigh(self, at: int, parts: int) -> None:
        """Expressions have a largest size: the engine takes them only so deep."""
        self._parts += max(parts, 1)
        if self._parts > EXPRESSION_PARTS_MAX:
            raise bad(at, f"a command has at most {EXPRESSION_PARTS_MAX} values to compute with")

    def _chain(self, children: Children, sign: str) -> Expr:
        operands = _operands(children)
        self._weigh(operands[0].at, len(operands))
        return Chain(operands, (sign,) * (len(operands) - 1), operands[0].at)

    def _signed(self, children: Children) -> Expr:
        operands = tuple(children[::2])
        self._weigh(operands[0].at, len(operands))
        return Chain(operands, tuple(str(sign) for sign in children[1::2]), operands[0].at)

    def concat(self, children: Children) -> Expr:
        """A . b joins texts."""
        self._weigh(children[0].at, len(children))
        return Chain(tuple(children), (".",) * (len(children) - 1), children[0].at)

    def sum(self, children: Children) -> Expr:
        """A + b - c."""
        return self._signed(children)

    def product(self, children: Children) -> Expr:
        """A * b / c % d."""
        return self._signed(children)

    def minus(self, children: Children) -> Expr:
        """-a."""
        operand: Expr = children[-1]
        if len(children) % 2:
            return operand
        at = children[0].start_pos
        if isinstance(operand, Constant) and isinstance(operand.value, int | float):
            return Constant(-operand.value, at)
        return Chain((Constant(0, at), operand), ("-",), at)

    def number(self, children: Children) -> Expr:
        """A number."""
        token = children[0]
        value = float(token)
        if math.isinf(value):
            raise bad(token.start_pos, "this number is too large")
        return Constant(int(token) if token.isdigit() else value, token.start_pos)

    def text(self, children: Children) -> Expr:
        """A quoted text."""
        return Constant(quoted_text(children[0]), children[0].start_pos)

    def call(self, children: Children) -> Expr:
        """function(a, b)."""
        name, *arguments = children
        self._weigh(name.start_pos, len(arguments))
        return Call(name.lower(), tuple(arguments), name.start_pos)

    def true(self, children: Children) -> Expr:
        """The constant true."""
        return Constant(value=True, at=children[0].start_pos)

    def false(self, children: Children) -> Expr:
        """The constant false."""
        return Constant(value=False, at=children[0].start_pos)

    def null(self, children: Children) -> Expr:
        """The missing value."""
        return Constant(None, children[0].start_pos)

    def name(self, children: Children) -> Field:
        """A field."""
        return _field(children[0])

    # -- what stands behind stats and the other commands -----------------------------------------

    def aggregates(self, children: Children) -> Aggregates:
        """All aggregates, what they are grouped by, and the options."""
        groups = {child[0]: child[1] for child in children if isinstance(child, tuple)}
        items = [*children, *groups.get("over", ()), *groups.get("by", ())]
        return Aggregates(
            tuple(item for item in items if isinstance(item, Aggregate)),
            tuple(item for item in groups.get("over", ()) if isinstance(item, Field)),
            tuple(item for item in groups.get("by", ()) if isinstance(item, Field)),
            tuple(item for item in items if isinstance(item, Option)),
        )

    def aggregate(self, children: Children) -> Aggregate:
        """function(argument) AS name; without AS it is called as it was written."""
        function, *rest = children
        name = rest.pop() if rest and isinstance(rest[-1], Alias) else None
        end = function.end_pos
        if rest and isinstance(rest[-1], Token):
            end = rest.pop().end_pos
        written = " ".join(self._text[function.start_pos : end].split())
        argument = rest[0] if rest else None
        return Aggregate(function.lower(), argument, name or written, function.start_pos)

    def alias(self, children: Children) -> Alias:
        """AS name."""
        return Alias(children[0].name)

    def over(self, children: Children) -> tuple[str, Children]:
        """OVER names."""
        return "over", children

    def by(self, children: Children) -> tuple[str, Children]:
        """BY names."""
        return "by", children

    def quoted_name(self, children: Children) -> Field:
        """A field between quotes."""
        return Field(quoted_text(children[0]), children[0].start_pos)

    def arguments(self, children: Children) -> tuple[Argument, ...]:
        """Words, quoted texts, options and marks in their order."""
        return tuple(_argument(child) for child in children)

    def ticked(self, children: Children) -> Quoted:
        """A field between ticks."""
        return Quoted(str(children[0])[1:-1], children[0].start_pos)

    def option(self, children: Children) -> Option:
        """name=value."""
        name, value = children
        text = quoted_text(value) if value.type == "QUOTED" else str(value)
        return Option(name.rstrip(" =\t\n\r").lower(), text, name.start_pos, value.start_pos)


def _flat(children: Children, kind: type[AllOf | AnyOf]) -> Children:
    """The children, with those of the same kind opened: the tree stays shallow."""
    flat: Children = []
    for child in children:
        flat += child.nodes if isinstance(child, kind) else [child]
    return flat


def _no_time(child: Any, word: str) -> None:
    inner = child.nodes if isinstance(child, AllOf) else [child]
    for node in inner:
        if isinstance(node, TimeModifier):
            raise bad(
                node.at, f"{node.name}= bounds the whole search and cannot stand under {word}"
            )


def _pattern(token: Token) -> Pattern:
    return quoted_pattern(token) if token.type == "QUOTED" else bare_pattern(token)


def _search_field(name: str) -> str:
    return quoted_text(name) if name.startswith('"') else name


def _field(token: Token) -> Field:
    text = str(token)
    name = text[1:-1] if token.type == "FIELD_QUOTED" else text
    return Field(name, token.start_pos or 0)


def _operands(children: Children) -> tuple[Expr, ...]:
    """What is left without the keywords between."""
    return tuple(child for child in children if not isinstance(child, Token))


def _nots(children: Children) -> int:
    return sum(isinstance(child, Token) and child.type == "NOT" for child in children)


def _negated(times: int, operand: Expr, at: int) -> Expr:
    return Negated(operand, at) if times % 2 else operand


def _argument(child: Any) -> Argument:
    if not isinstance(child, Token):
        argument: Argument = child
        return argument
    at = child.start_pos or 0
    if child.type == "QUOTED":
        return Quoted(str(child)[1:-1].replace('\\"', '"'), at)
    if child.type == "BARE":
        return Word(str(child), at)
    return Mark(str(child), at)
