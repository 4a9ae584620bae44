"""Alarms over other alarms: `ALARM("a") AND NOT (OK("b") OR INSUFFICIENT_DATA("c"))`.

A rule is true (ALARM) or false (OK), as CloudWatch's are; a child that knows nothing is in neither
of these. Rules may name other composite alarms; `order.in_order` refuses circles.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, State, Trace

RULE_CHARACTERS_MAX = 10_240
"""Longest rule; CloudWatch's limit too."""
RULE_ALARMS_MAX = 100
"""Most alarms that a rule names; CloudWatch's limit too."""
RULE_ELEMENTS_MAX = 500
"""Most states, constants and operators of a rule; CloudWatch's limit too."""
RULE_DEPTH_MAX = 32
"""Deepest nesting of a rule's operators."""
_SAID_MAX = 5
_HINT = 'a rule is made of ALARM("name"), OK("name"), INSUFFICIENT_DATA("name"), TRUE, FALSE,'
_HINT += " AND, OR, NOT and parentheses"

States = Mapping[str, State]


@dataclass(frozen=True)
class Composite:
    """A rule that was read, or a part of one.

    `alarms` are those it names, in their order, each once; `depth` is how deep operators are
    nested in it, `size` how many elements it has.
    """

    alarms: tuple[str, ...]
    depth: int
    size: int
    _holds: Callable[[States], bool]

    @classmethod
    def parse(cls, text: str) -> "Composite":
        """The rule of this text.

        Raises:
            Refused: `ALARM_UNUSABLE`, with the reason and the place.
        """
        if len(text) > RULE_CHARACTERS_MAX:
            raise _bad(f"it is longer than {RULE_CHARACTERS_MAX} characters")
        try:
            rule = cast("Composite", cast("object", _parser().parse(text)))
        except UnexpectedInput as error:
            raise _bad(_reason(text, error)) from None
        if len(rule.alarms) > RULE_ALARMS_MAX:
            raise _bad(f"it names more than {RULE_ALARMS_MAX} alarms")
        return rule

    def holds(self, states: States) -> bool:
        """Whether the rule is true; an alarm without a state is in INSUFFICIENT_DATA."""
        return self._holds(states)


def worst(states: Iterable[State]) -> State:
    """One state for many series: ALARM if any is, else OK if any is, else INSUFFICIENT_DATA."""
    found = set(states)
    if "ALARM" in found:
        return "ALARM"
    return "OK" if "OK" in found else "INSUFFICIENT_DATA"


def evaluate_rule(alarm: Alarm, states: States, before: State, now_ns: int) -> Trace:
    """The state of a composite alarm over those of its children (`worst` of their series).

    Raises:
        Refused: `ALARM_UNUSABLE`: its rule cannot be read.
    """
    rule = parsed(alarm.rule or "")
    true = rule.holds(states)
    said = [f"{name} is {states.get(name, 'INSUFFICIENT_DATA')}" for name in rule.alarms]
    firing = [name for name in rule.alarms if states.get(name) == "ALARM"]
    if len(said) > _SAID_MAX:
        listed = ", ".join(firing[:_SAID_MAX]) + (" ..." if len(firing) > _SAID_MAX else "")
        said = [f"{len(firing)} of {len(rule.alarms)} are in ALARM" + (listed and f" ({listed})")]
    verb = "holds" if true else "does not hold"
    facts = ", ".join(said) or "it names no alarm"
    state: State = "ALARM" if true else "OK"
    return Trace(now_ns, state, before, f"{state}: {alarm.rule} {verb}: {facts}.")


@lru_cache(maxsize=1_024)
def parsed(text: str) -> Composite:
    """`Composite.parse`, of which the last thousand are remembered.

    Raises:
        Refused: `ALARM_UNUSABLE`.
    """
    return Composite.parse(text)


class _Building(Transformer[Token, Composite]):
    """Called from the parser, leaf first: nothing recurses over a tree."""

    def child(self, items: list[Token]) -> Composite:
        state, name = cast("State", items[0].upper()), str(items[1]).strip('"')
        return Composite(
            (name,), 1, 1, lambda states: states.get(name, "INSUFFICIENT_DATA") == state
        )

    def true(self, _: list[Token]) -> Composite:
        return Composite((), 1, 1, lambda _: True)

    def false(self, _: list[Token]) -> Composite:
        return Composite((), 1, 1, lambda _: False)

    def no(self, items: list[Composite]) -> Composite:
        (part,) = items
        return _joined(items, lambda states: not part.holds(states))

    def both(self, items: list[Composite]) -> Composite:
        return _joined(items, lambda states: all(part.holds(states) for part in items))

    def either(self, items: list[Composite]) -> Composite:
        return _joined(items, lambda states: any(part.holds(states) for part in items))


def _joined(items: list[Composite], holds: Callable[[States], bool]) -> Composite:
    names = tuple(dict.fromkeys(name for part in items for name in part.alarms))
    depth = 1 + max(part.depth for part in items)
    size = max(1, len(items) - 1) + sum(part.size for part in items)
    if depth > RULE_DEPTH_MAX:
        raise _bad(f"it is nested deeper than {RULE_DEPTH_MAX}")
    if size > RULE_ELEMENTS_MAX:
        raise _bad(f"it has more than {RULE_ELEMENTS_MAX} states and operators")
    return Composite(names, depth, size, holds)


def _bad(reason: str) -> Refused:
    return Refused("ALARM_UNUSABLE", f"The rule cannot be used: {reason}.", field="rule")


def _reason(text: str, error: UnexpectedInput) -> str:
    if not text.strip():
        return f"it is empty; {_HINT}"
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return f"it ends too early; {_HINT}"
    place = vars(error)["pos_in_stream"]  # lark's annotation says None
    found = (text[place:].split(maxsplit=1) or [text[place]])[0][:40]
    return f"{found!r} does not fit at character {place + 1}; {_HINT}"


@cache
def _parser() -> Lark:
    text = resources.files(__package__).joinpath("rule.lark").read_text("utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=False,
        transformer=_Building(),
    )
