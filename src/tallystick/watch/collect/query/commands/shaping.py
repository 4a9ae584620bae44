"""table, fields, rename: which fields there are, and what they are called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.nodes import Field, Quoted, Word
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.values import Value
from tallystick.watch.collect.query.wording import bad, shown


def matching(stage: Stage, field: Field) -> tuple[str, ...]:
    """The fields that a name with wildcards stands for; a plain name stands for itself."""
    if "*" not in field.name:
        return (field.name,)
    names = tuple(name for name in stage.known() if _fits(field.name, name))
    if not names and stage.open:
        reason = (
            f"{shown(field.name)} could be any member of a line; write the names out, "
            "or put a command such as stats or table before"
        )
        raise bad(field.at, reason)
    return names


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, re.sub(r"([\[\]?])", r"[\1]", pattern))


@dataclass(frozen=True)
class Keep:
    """`table` and `fields`: only these fields, in this order."""

    fields: tuple[Field, ...]

    def compile(self, stage: Stage) -> Stage:
        """A table of them."""
        if [field.name for field in self.fields] == ["*"]:
            return stage
        names = [name for field in self.fields for name in matching(stage, field)]
        return stage.kept(list(dict.fromkeys(names)))


@dataclass(frozen=True)
class Drop:
    """`fields -`: all fields but these."""

    fields: tuple[Field, ...]

    def compile(self, stage: Stage) -> Stage:
        """The rows without them."""
        names = [name for field in self.fields for name in matching(stage, field)]
        return stage.without(names)


@dataclass(frozen=True)
class Rename:
    """`rename`: other names for fields, with wildcards where the fields are known."""

    pairs: tuple[tuple[Field, Field], ...]

    def compile(self, stage: Stage) -> Stage:
        """The rows with the new names in the old places."""
        renamed: dict[str, str] = {}
        for old, new in self.pairs:
            for name in matching(stage, old):
                renamed[name] = _renamed(old.name, new, name)
        values: dict[str, Value] = {new: stage.field(old) for old, new in renamed.items()}
        columns: dict[str, Value] = {}
        for name, value in stage.columns.items():
            if name not in renamed and name not in values:
                columns[name] = value
            elif name in renamed:
                columns[renamed[name]] = values.pop(renamed[name], value)
        columns.update(values)
        gone = [old for old in renamed if old not in renamed.values()]
        stage = replace(stage.without(gone), columns=columns)
        return replace(stage, removed=stage.removed - set(renamed.values()))


def _renamed(pattern: str, new: Field, name: str) -> str:
    """The parts that the wildcards stood for go into those of the new name."""
    wildcards = pattern.count("*")
    if wildcards != new.name.count("*"):
        raise bad(new.at, "the new name has as many wildcards as the old one")
    if not wildcards:
        return new.name
    expression = "(.*)".join(re.escape(piece) for piece in pattern.split("*"))
    match = re.fullmatch(expression, name, re.DOTALL)
    found = match.groups() if match else ("",) * wildcards
    pieces = new.name.split("*")
    return "".join(piece + part for piece, part in zip(pieces, [*found, ""], strict=True))


def read_table(body: Body) -> Command:
    """`table a, b, c`."""
    return Keep(body.arguments().fields())


def read_fields(body: Body) -> Command:
    """`fields a b`, `fields + a b`, `fields - a b`."""
    given = body.arguments()
    items = given.items
    if items and isinstance(items[0], Word) and items[0].text[0] in "+-":
        sign, rest = items[0].text[0], items[0].text[1:]
        first = (Word(rest, items[0].at + 1),) if rest else ()
        fields = replace(given, items=(*first, *items[1:])).fields()
        return Drop(fields) if sign == "-" else Keep(fields)
    return Keep(given.fields())


def read_rename(body: Body) -> Command:
    """`rename a AS b, c AS d`."""
    given = body.arguments()
    names: Sequence[Field] = given.fields("old AS new")
    pairs: list[tuple[Field, Field]] = []
    items = [item for item in given.items if isinstance(item, Word | Quoted)]
    for place in range(0, len(items), 3):
        triple = items[place : place + 3]
        if len(triple) < 3 or triple[1].text.lower() != "as":
            at = triple[1].at if len(triple) > 1 else body.end
            raise bad(at, "rename is written as rename old AS new")
        pairs.append((names[place], names[place + 2]))
    return Rename(tuple(pairs))
