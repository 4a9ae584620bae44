"""What a command is, and how its text becomes its arguments."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from tallystick.watch.collect.query.grammar import read
from tallystick.watch.collect.query.nodes import (
    Aggregates,
    Argument,
    Expr,
    Field,
    Mark,
    Option,
    Quoted,
    Word,
)
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.wording import bad, shown, unknown

_TRUE = frozenset({"t", "true", "1", "yes", "y"})
_FALSE = frozenset({"f", "false", "0", "no", "n"})


class Command(Protocol):
    """One command, read; a frozen value. `compile` is pure but for the builder of the stage."""

    def compile(self, stage: Stage) -> Stage:
        """The rows behind the command, from the rows before it.

        Raises:
            Refused: `BAD_QUERY`.
        """
        ...


@dataclass(frozen=True)
class Body:
    """The text of one command: `text` ends where it ends, `start` is behind its name."""

    text: str
    name: str
    at: int
    start: int
    now_ns: int

    @property
    def end(self) -> int:
        """Behind the last character that is no space."""
        return max(len(self.text.rstrip()), self.start)

    @property
    def written(self) -> str:
        """What stands behind the name, with blanks before: positions are the query's."""
        return " " * self.start + self.text[self.start :]

    def part(self, start: int, end: int) -> "Body":
        """A part of the command's text."""
        return replace(self, text=self.text[:end], start=start)

    def expression(self) -> Expr:
        """The text as one expression."""
        expression: Expr = read("expression", self.written, self.start, self.now_ns)
        return expression

    def assignments(self) -> tuple[tuple[Field, Expr], ...]:
        """The text as `a=..., b=...`."""
        assignments: tuple[tuple[Field, Expr], ...] = read(
            "assignments", self.written, self.start, self.now_ns
        )
        return assignments

    def aggregates(self, *options: str) -> Aggregates:
        """The text as aggregates with these options."""
        aggregates: Aggregates = read("aggregates", self.written, self.start, self.now_ns)
        for option in aggregates.options:
            _check_option(self.name, option, options)
        return aggregates

    def arguments(self, *options: str) -> "Given":
        """The text as words with these options."""
        items: tuple[Argument, ...] = read("arguments", self.written, self.start, self.now_ns)
        named: dict[str, Option] = {}
        for item in items:
            if isinstance(item, Option):
                _check_option(self.name, item, options)
                named[item.name] = item
        rest = tuple(item for item in items if not isinstance(item, Option))
        return Given(self, rest, named)

    def missing(self, what: str) -> Exception:
        """The refusal of a command that lacks something."""
        return bad(self.end, f"{self.name} needs {what}")


@dataclass(frozen=True)
class Given:
    """The arguments of a command: words, quoted texts and marks in order, and options."""

    body: Body
    items: tuple[Word | Quoted | Mark, ...]
    options: dict[str, Option]

    def fields(self, what: str = "a field") -> tuple[Field, ...]:
        """All of them as fields; at least one."""
        fields = self.some_fields()
        if not fields:
            raise self.body.missing(what)
        return fields

    def some_fields(self) -> tuple[Field, ...]:
        """All of them as fields, maybe none; commas are left out."""
        return tuple(as_field(item) for item in self.items if not is_comma(item))

    def split(self, *words: str) -> "tuple[Given, Given | None]":
        """What stands before and behind the first of these words."""
        for number, item in enumerate(self.items):
            if isinstance(item, Word) and item.text.lower() in words:
                before, after = self.items[:number], self.items[number + 1 :]
                return replace(self, items=before), replace(self, items=after)
        return self, None

    def count_first(self) -> "tuple[int | None, Given]":
        """A whole number that stands first, and the rest."""
        if self.items and isinstance(self.items[0], Word) and self.items[0].text.isdigit():
            number = whole(self.items[0].text, self.items[0].at)
            return number, replace(self, items=self.items[1:])
        return None, self

    def whole(self, name: str, default: int, least: int = 0) -> int:
        """The option as a whole number."""
        option = self.options.get(name)
        return default if option is None else whole(option.value, option.value_at, least)

    def truth(self, name: str, *, default: bool) -> bool:
        """The option as true or false."""
        option = self.options.get(name)
        return default if option is None else truth(option)

    def text(self, name: str, default: str) -> str:
        """The option as it is."""
        option = self.options.get(name)
        return default if option is None else option.value


def as_field(item: Word | Quoted | Mark) -> Field:
    """The argument as the name of a field."""
    if isinstance(item, Mark):
        raise bad(item.at, f"{item.text} does not fit here; a field would")
    return Field(item.text, item.at)


def is_comma(item: Argument) -> bool:
    """Whether the argument is a comma."""
    return isinstance(item, Mark) and item.text == ","


def whole(text: str, at: int, least: int = 0) -> int:
    """A whole number that is not negative and not absurd."""
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= 2**31:
        raise bad(at, f"{shown(text)} is no whole number from {least} on")
    return int(text)


def truth(option: Option) -> bool:
    """True or false, as Splunk writes them."""
    value = option.value.lower()
    if value not in _TRUE | _FALSE:
        raise bad(option.value_at, f"{shown(option.value)} is neither true nor false")
    return value in _TRUE


def _check_option(command: str, option: Option, known: Iterable[str]) -> None:
    if option.name not in known:
        if not known:
            raise bad(option.at, f"{command} has no options, so no {shown(option.name)}")
        raise unknown(option.at, f"option of {command} called", option.name, known)
