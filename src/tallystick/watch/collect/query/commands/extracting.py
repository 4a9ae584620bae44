"""rex, parse, extract, spath, makemv, mvexpand, lookup: fields out of fields and tables."""

import re
from dataclasses import dataclass, replace
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.functions.texts import check_references, is_path, json_member
from tallystick.watch.collect.query.nodes import Field, Quoted, Word
from tallystick.watch.collect.query.regexes import Regex, read_regex
from tallystick.watch.collect.query.stage import Sort, Stage
from tallystick.watch.collect.query.values import Value, null, sql
from tallystick.watch.collect.query.wording import bad

GROUPS_MAX: Final = 50
MATCHES_MAX: Final = 1_000
_SED = re.compile(
    r"s(?P<mark>[/|#,;:!])(?P<old>.*)(?P=mark)(?P<new>.*)(?P=mark)(?P<flags>[gi]*)", re.DOTALL
)
_SED_LETTERS = re.compile(r"y/([^/]*)/([^/]*)/", re.DOTALL)


@dataclass(frozen=True)
class Rex:
    """`rex`: the named groups of a regular expression become fields."""

    field: str
    regex: Regex
    matches: int

    def compile(self, stage: Stage) -> Stage:
        """The rows with the fields; where nothing matches, a field stays as it is."""
        text = stage.field(self.field).text()
        names = [name for name in self.regex.groups if name]
        values: dict[str, Value] = {}
        if self.matches == 1:
            labels = ", ".join(f"'g{n}'" for n in range(len(self.regex.groups)))
            found = sql(f"regexp_extract({{}}, {{}}, [{labels}])", text, self.regex.text)
            stage, groups = stage.hidden(Value("text", found))
        for name in dict.fromkeys(names):
            number = self.regex.groups.index(name)
            if self.matches == 1:
                new = Value("any", sql(f"nullif({{}}.g{number}, '')", groups.sql))
            else:
                new = self._every(text, number + 1)
            values[name] = _or_before(stage, name, new)
        return stage.compute(values)

    def _every(self, text: Sql, group: int) -> Value:
        found = sql(f"regexp_extract_all({{}}, {{}}, {group})", text, self.regex.text)
        if self.matches:
            found = sql(f"list_slice({{}}, 1, {self.matches})", found)
        return Value("list", sql("CASE WHEN len({}) > 0 THEN {} END", found, found))


def _or_before(stage: Stage, name: str, new: Value) -> Value:
    """The new value, or what the field was: only where a command made the field before."""
    if name not in stage.columns and not stage.open:
        return new
    before = stage.field(name)
    if new.kind == "list":
        return Value("list", sql("coalesce({}, {})", new.sql, before.items()))
    return Value("any", sql("coalesce({}, {})", new.sql, before.text()))


@dataclass(frozen=True)
class Sed:
    """`rex mode=sed`: what matches is replaced, or letters by letters."""

    field: str
    old: str
    new: str
    flags: str
    letters: bool = False

    def compile(self, stage: Stage) -> Stage:
        """The rows with the field changed."""
        text = stage.field(self.field).text()
        if self.letters:
            changed = sql("translate({}, {}, {})", text, self.old, self.new)
        else:
            flags = "'" + "".join(sorted(set(self.flags))) + "'"
            changed = sql(f"regexp_replace({{}}, {{}}, {{}}, {flags})", text, self.old, self.new)
        return stage.compute({self.field: Value("any", changed)})


@dataclass(frozen=True)
class Extract:
    """`extract`: any field that is not there is looked for as `name=value` in a text."""

    field: str
    pair_marks: str
    value_marks: str

    def compile(self, stage: Stage) -> Stage:
        """The same rows, where more fields can be named."""
        text = stage.field(self.field).text()
        marks, signs = (_class(part) for part in (self.pair_marks, self.value_marks))

        def derive(name: str) -> Value:
            found = (
                rf'(?:^|[{marks}])"?{re.escape(name)}"?\s*[{signs}]\s*'
                rf'(?:"((?:\\.|[^"\\])*)"|([^{marks}"]*))'
            )
            quoted, bare = (
                sql(f"nullif(regexp_extract({{}}, {{}}, {group}), '')", text, found)
                for group in (1, 2)
            )
            return Value("any", sql("coalesce({}, {})", quoted, bare))

        return replace(stage, derived=(*stage.derived, derive))


def _class(characters: str) -> str:
    return "".join(rf"\x{{{ord(character):x}}}" for character in characters)


@dataclass(frozen=True)
class Spath:
    """`spath`: what stands at a path of a JSON text; without a path, any field that is named."""

    source: str
    path: str | None
    output: str | None
    at: int

    def compile(self, stage: Stage) -> Stage:
        """The rows with the field, or with more fields that can be named."""
        text = stage.field(self.source).text()
        if self.path is not None:
            value = json_member(text, self.path, self.at)
            return stage.compute({self.output or self.path: value})
        at = self.at

        def derive(name: str) -> Value:
            return json_member(text, name, at) if is_path(name) else null()

        return replace(stage, derived=(*stage.derived, derive))


@dataclass(frozen=True)
class MakeMv:
    """`makemv`: a text becomes a list."""

    field: str
    mark: str
    tokenizer: str | None
    keep_empty: bool

    def compile(self, stage: Stage) -> Stage:
        """The rows with the list."""
        text = stage.field(self.field).text()
        if self.tokenizer is not None:
            items = sql("regexp_extract_all({}, {}, 1)", text, self.tokenizer)
        else:
            items = sql("string_split({}, {})", text, self.mark)
        if not self.keep_empty:
            items = sql("list_filter({}, lambda v: v <> '')", items)
        return stage.compute({self.field: Value("list", items)})


@dataclass(frozen=True)
class MvExpand:
    """`mvexpand`: one row for each value of a list."""

    field: str
    limit: int

    def compile(self, stage: Stage) -> Stage:
        """The rows, in the order of the values; a row without a value stays one."""
        items = stage.field(self.field).items()
        if self.limit:
            items = sql(f"list_slice({{}}, 1, {self.limit})", items)
        stage, listed = stage.hidden(
            Value("list", sql("CASE WHEN len({}) > 0 THEN {} ELSE [NULL] END", items, items))
        )
        value, number = stage.builder.fresh(), stage.builder.fresh()
        expanded = sql(
            f"*, unnest({{}}) AS {value}, generate_subscripts({{}}, 1) AS {number}",
            listed.sql,
            listed.sql,
        )
        stage = stage.select(expanded)
        columns = {**stage.columns, self.field: Value("any", Sql(value))}
        return replace(
            stage,
            columns=columns,
            removed=stage.removed - {self.field},
            order=(*stage.order, Sort(Sql(number))),
        )


def read_rex(body: Body) -> Command:
    r"""`rex field=body "user=(?<user>\w+)"`, `rex field=body mode=sed "s/\d+/N/g"`."""
    given = body.arguments("field", "max_match", "mode", "offset_field")
    field = given.text("field", "_raw")
    if len(given.items) != 1 or not isinstance(given.items[0], Quoted):
        raise body.missing("one regular expression in quotes")
    quoted = given.items[0]
    if given.text("mode", "extract") == "sed":
        return _read_sed(field, quoted)
    matches = given.whole("max_match", 1)
    if matches > MATCHES_MAX:
        raise bad(given.options["max_match"].value_at, f"at most {MATCHES_MAX:,} matches go")
    return Rex(field, _named(quoted), matches)


def _named(quoted: Quoted) -> Regex:
    regex = read_regex(quoted.text, quoted.at)
    if not any(regex.groups):
        raise bad(quoted.at, "the regular expression has no named group such as (?<user>...)")
    if len(regex.groups) > GROUPS_MAX:
        raise bad(quoted.at, f"a regular expression has at most {GROUPS_MAX} groups here")
    return regex


def _read_sed(field: str, quoted: Quoted) -> Command:
    letters = _SED_LETTERS.fullmatch(quoted.text)
    if letters:
        if len(letters[1]) != len(letters[2]):
            raise bad(quoted.at, "y/abc/xyz/ needs as many letters on both sides")
        return Sed(field, letters[1], letters[2], "", letters=True)
    match = _SED.fullmatch(quoted.text)
    if match is None:
        raise bad(quoted.at, 'sed is written as "s/old/new/g" or "y/abc/xyz/"')
    regex = read_regex(match["old"], quoted.at)
    check_references(match["new"], len(regex.groups), quoted.at)
    return Sed(field, regex.text, match["new"], match["flags"])


def read_parse(body: Body) -> Command:
    """`parse body "user=*, took *" AS user, took`, or with a regular expression."""
    given = body.arguments()
    before, after = given.split("as")
    items = [item for item in before.items if isinstance(item, Word | Quoted)]
    if not items or len(items) > 2 or not isinstance(items[-1], Quoted):
        raise body.missing("a field and a pattern in quotes")
    field = items[0].text if len(items) == 2 else "_raw"
    quoted = items[-1]
    if after is None:
        return Rex(field, _named(quoted), 1)
    names = after.fields("names behind as")
    pieces = quoted.text.split("*")
    if len(pieces) - 1 != len(names):
        reason = f"the pattern has {len(pieces) - 1} wildcards for {len(names)} names"
        raise bad(quoted.at, reason)
    if len(names) > GROUPS_MAX:
        raise bad(quoted.at, f"a pattern has at most {GROUPS_MAX} wildcards here")
    last = len(pieces) - 1
    text = "".join(
        re.escape(piece)
        + ("" if n == last else "(.*)" if n == last - 1 and not pieces[-1] else "(.*?)")
        for n, piece in enumerate(pieces)
    )
    regex = read_regex("(?s)" + text, quoted.at)
    return Rex(field, Regex(regex.text, tuple(name.name for name in names)), 1)


def read_extract(body: Body) -> Command:
    """`extract`, `kv field=body pairdelim="," kvdelim=":"`."""
    given = body.arguments("field", "input", "kvdelim", "pairdelim", "auto", "limit", "mv_add")
    fields = given.some_fields()
    name = fields[0].name if fields else given.text("field", given.text("input", "_raw"))
    marks = given.text("pairdelim", " \t\n,;|&{}")
    signs = given.text("kvdelim", "=")
    if not marks or not signs:
        raise body.missing("characters for pairdelim and kvdelim")
    return Extract(name, marks, signs)


def read_spath(body: Body) -> Command:
    """`spath input=body output=user path=a.b{0}.c`, `spath a.b`, `spath`."""
    given = body.arguments("input", "output", "path")
    fields = given.some_fields()
    path = given.options.get("path")
    at = path.value_at if path else fields[0].at if fields else body.start
    name = path.value if path else fields[0].name if fields else None
    output = given.options.get("output")
    return Spath(given.text("input", "_raw"), name, output.value if output else None, at)


def read_makemv(body: Body) -> Command:
    r"""`makemv delim="," tags`, `makemv tokenizer="(\w+)" tags`."""
    given = body.arguments("allowempty", "delim", "setsv", "tokenizer")
    fields = given.fields()
    tokenizer = None
    if "tokenizer" in given.options:
        option = given.options["tokenizer"]
        regex = read_regex(option.value, option.value_at)
        if not regex.groups:
            raise bad(option.value_at, "the tokenizer has a group: what is a value")
        tokenizer = regex.text
    mark = given.text("delim", " ")
    return MakeMv(fields[0].name, mark, tokenizer, given.truth("allowempty", default=False))


def read_mvexpand(body: Body) -> Command:
    """`mvexpand tags limit=10`."""
    given = body.arguments("limit")
    fields: tuple[Field, ...] = given.fields()
    return MvExpand(fields[0].name, given.whole("limit", 0))
