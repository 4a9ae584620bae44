"""Functions of texts."""

import re
from collections.abc import Callable
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.functions.function import Arguments, Function
from tallystick.watch.collect.query.values import Value, comma, literal, sql
from tallystick.watch.collect.query.wording import bad, shown

_STEP = re.compile(r"([^.{}]+)|\{(\d*)\}")
PATH_CHARACTERS_MAX: Final = 500
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _text(template: str) -> Callable[[Arguments], Value]:
    """A function whose arguments are texts, one `{}` each."""

    def make(call: Arguments) -> Value:
        return Value("text", sql(template, *[call.text(n) for n in range(len(call))]))

    return make


def _trim(name: str) -> Callable[[Arguments], Value]:
    """White space goes, or the characters of the second argument."""

    def make(call: Arguments) -> Value:
        characters = call.text(1) if len(call) > 1 else Sql("chr(32) || chr(9) || chr(10)")
        return Value("text", sql(f"{name}({{}}, {{}})", call.text(0), characters))

    return make


def _length(call: Arguments) -> Value:
    return Value("number", sql("length({})", call.text(0)))


def _substr(call: Arguments) -> Value:
    """From 1; a negative start counts from the end."""
    start = call.whole(1, "the start")
    limit = 2**31 - 1
    start = max(-limit, min(limit, start)) or 1
    if len(call) == 2:
        return Value("text", sql(f"substr({{}}, {start})", call.text(0)))
    length = max(0, min(limit, call.whole(2, "the length")))
    return Value("text", sql(f"substr({{}}, {start}, {length})", call.text(0)))


def _replace(call: Arguments) -> Value:
    r"""Every match of the regular expression; `\1` in the new text is the first group."""
    regex, new = call.regex(1), call.literal(2, "the new text")
    check_references(new, len(regex.groups), call.at(2))
    return Value("text", sql("regexp_replace({}, {}, {}, 'g')", call.text(0), regex.text, new))


def check_references(new: str, groups: int, at: int) -> None:
    r"""Refuse `\9` in a new text where the expression has fewer groups."""
    for match in re.finditer(r"\\(.?)", new, re.DOTALL):
        if not match[1].isdigit() and match[1] != "\\":
            raise bad(at, r"a backslash in the new text is followed by a group's number or by \\")
        if match[1].isdigit() and int(match[1]) > groups:
            raise bad(at, f"there is no group {match[1]} in the regular expression")


def _tonumber(call: Arguments) -> Value:
    if len(call) == 1:
        return Value("number", call.number(0))
    base = call.whole(1, "the base")
    if not 2 <= base <= 36:
        raise bad(call.at(1), "the base is from 2 to 36")
    digits = "".join(_DIGITS[:base])
    text = sql("lower(regexp_extract({}, {}))", call.text(0), f"(?i)^[{digits}]{{1,15}}$")
    each = sql("list_reverse(string_split({}, ''))", text)
    worth = f"(strpos('{digits}', d) - 1) * pow({base}, i - 1)"
    number = sql(f"list_sum(list_transform({{}}, lambda d, i: {worth}))", each)
    return Value("number", sql("CASE WHEN {} <> '' THEN {} END", text, number))


def _tostring(call: Arguments) -> Value:
    if len(call) == 1:
        return Value("text", call.text(0))
    form = call.literal(1, '"commas", "hex" or "duration"')
    number = call.number(0)
    if form == "commas":
        return Value("text", sql("format({}, TRY_CAST(round({}) AS BIGINT))", "{:,}", number))
    if form == "hex":
        return Value("text", sql("'0x' || to_hex(TRY_CAST(abs({}) AS BIGINT))", number))
    if form == "duration":
        return Value("text", sql("CAST(to_seconds(TRY_CAST({} AS INTEGER)) AS VARCHAR)", number))
    raise bad(call.at(1), f'tostring makes "commas", "hex" or "duration", not {shown(form)}')


def _join(call: Arguments) -> Value:
    return Value("text", sql("({})", comma([call.text(n) for n in range(len(call))], " || ")))


def is_path(text: str) -> bool:
    """Whether the text is a path into JSON."""
    return _spelled(text) is not None


def json_path(path: str, at: int) -> str:
    """`a.b{0}.c{}` as a JSON path: `$."a"."b"[0]."c"[*]`."""
    spelled = _spelled(path)
    if spelled is None:
        raise bad(at, f"{shown(path)} is no path such as a.b{{0}}.c")
    return spelled


def _spelled(path: str) -> str | None:
    steps, read = ["$"], 0
    for match in _STEP.finditer(path):
        if path[read : match.start()] not in {"", "."}:
            break
        read = match.end()
        if match[1] is None:
            steps.append(f"[{int(match[2])}]" if match[2] else "[*]")
        else:
            steps.append(f'."{match[1]}"')
    odd = any(mark in path for mark in '"\\\0')
    whole = read == len(path) and path and len(path) <= PATH_CHARACTERS_MAX
    return "".join(steps) if whole and not odd else None


def json_member(text: Sql, path: str, at: int) -> Value:
    """What stands at the path in a JSON text; a flat member of that whole name wins."""
    spelled = json_path(path, at)
    json = sql("TRY_CAST({} AS JSON)", text)
    if "[*]" in spelled:
        found = sql("CAST(json_extract_string({}, {}) AS VARCHAR[])", json, literal(spelled))
        return Value("list", sql("CASE WHEN len({}) > 0 THEN {} END", found, found))
    pointer = "/" + path.replace("~", "~0").replace("/", "~1")
    return Value(
        "any",
        sql(
            "coalesce(json_extract_string({}, {}), json_extract_string({}, {}))",
            *(json, pointer),
            *(json, spelled),
        ),
    )


def _json(call: Arguments) -> Value:
    path = call.literal(1, "a path")
    return json_member(call.text(0), path, call.at(1))


TEXTS: Final[dict[str, Function]] = {
    "concat": Function(1, None, _join),
    "json_extract": Function(2, 2, _json),
    "len": Function(1, 1, _length),
    "length": Function(1, 1, _length),
    "lower": Function(1, 1, _text("lower({})")),
    "ltrim": Function(1, 2, _trim("ltrim")),
    "md5": Function(1, 1, _text("md5({})")),
    "replace": Function(3, 3, _replace),
    "reverse": Function(1, 1, _text("reverse({})")),
    "rtrim": Function(1, 2, _trim("rtrim")),
    "sha1": Function(1, 1, _text("sha1({})")),
    "sha256": Function(1, 1, _text("sha256({})")),
    "spath": Function(2, 2, _json),
    "substr": Function(2, 3, _substr),
    "substring": Function(2, 3, _substr),
    "tonumber": Function(1, 2, _tonumber),
    "tostring": Function(1, 2, _tostring),
    "trim": Function(1, 2, _trim("trim")),
    "upper": Function(1, 1, _text("upper({})")),
    "urldecode": Function(1, 1, _text("TRY(url_decode({}))")),
    "urlencode": Function(1, 1, _text("url_encode({})")),
}
