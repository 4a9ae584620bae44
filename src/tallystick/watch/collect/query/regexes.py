"""Regular expressions of a query, in RE2: linear time, so no lookaround and no backreference."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tallystick.watch.collect.query.scratch import scratch
from tallystick.watch.collect.query.wording import bad

REGEX_CHARACTERS_MAX: Final = 2_000
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<set>\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])|\(\?(?P<look><?[=!])"
    r"|\(\?P?<(?P<name>[^>]*)>|(?P<special>\(\?)|(?P<group>\()",
    re.DOTALL,
)
_LOOKS = {"=": "lookahead", "!": "lookahead", "<=": "lookbehind", "<!": "lookbehind"}


@dataclass(frozen=True)
class Regex:
    """An expression that RE2 takes, and the names of its groups; an unnamed group is ""."""

    text: str
    groups: tuple[str, ...]


def read_regex(text: str, at: int) -> Regex:
    """The expression in RE2's spelling.

    Raises:
        Refused: `BAD_QUERY`, with what RE2 cannot do or does not understand.
    """
    if len(text) > REGEX_CHARACTERS_MAX:
        raise bad(at, f"a regular expression has at most {REGEX_CHARACTERS_MAX} characters")
    groups: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["look"]:
            kind = _LOOKS[token["look"]]
            raise bad(at, f"the regular expression uses {kind}, which RE2 does not have")
        if (token["escaped"] or "x") in "123456789":
            raise bad(at, "the regular expression uses a backreference, which RE2 does not have")
        if token["name"] is not None:
            groups.append(token["name"])
        elif token["group"]:
            groups.append("")
    spelled = _TOKEN.sub(_spelled, text)
    problem = _problem(spelled)
    if problem:
        raise bad(at, f"the regular expression cannot be read: {problem}")
    return Regex(spelled, tuple(groups))


def _spelled(token: re.Match[str]) -> str:
    return token[0] if token["name"] is None else f"(?P<{token['name']}>"


@lru_cache(maxsize=256)
def _problem(text: str) -> str:
    """What DuckDB's RE2 has against the expression, if anything."""
    import duckdb  # noqa: PLC0415  it takes longer to load than all the rest

    try:
        with scratch() as connection:
            connection.execute("SELECT regexp_matches('', ?)", [text]).fetchall()
    except duckdb.Error as error:
        sentence = str(error).splitlines()[0]
        return sentence.split("Error: ", 1)[-1].strip().rstrip(".") or "RE2 refuses it"
    return ""
