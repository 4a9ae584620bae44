"""Dated overrides: the days that a country has announced, in files of their own.

A calendar that follows the moon or a yearly decree is computed, and so provisional. A file
`overrides/<CUR>.toml` puts dates in its place:

    source = "State Council notice for 2026"   who announced it, and where it was read
    as_of = 2026-11-17                         when it was looked at
    complete = [2026]                          years that are here whole: nothing computed is left
    open = [2026-02-14]                        days on which the currency settles all the same

    [closed]                                   days on which it does not, each with its reason
    2026-02-16 = "Chinese New Year's Eve"

In a year that is not `complete` the file adds to what is computed and takes away from it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from typing import Final

import msgspec

from tallystick.errors import Misconfigured

OVERRIDE_DAYS_MAX: Final = 5_000
"""Most days in the file of one currency: some two hundred years of them."""
REASON_CHARACTERS_MAX: Final = 100
"""Longest reason of a closed day."""
_SUFFIX: Final = ".toml"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it is written."""

    source: str
    as_of: date
    complete: tuple[int, ...] = ()
    open: tuple[date, ...] = ()
    closed: dict[str, str] = {}


class Announced(msgspec.Struct, frozen=True):
    """What is announced for one currency: days closed and why, days open, years that are whole."""

    closed: Mapping[date, str] = {}
    open: frozenset[date] = frozenset()
    complete: frozenset[int] = frozenset()

    def covers(self, day: date) -> bool:
        """Whether it says for certain what `day` is."""
        return day.year in self.complete or day in self.closed or day in self.open

    def amended(self, later: "Announced") -> "Announced":
        """Both, where they disagree the `later`; the years that it has whole are its own."""
        closed = {
            day: reason
            for day, reason in self.closed.items()
            if day.year not in later.complete and day not in later.open
        }
        opened = {
            day for day in self.open if day.year not in later.complete and day not in later.closed
        }
        return Announced(
            {**closed, **later.closed}, later.open | opened, self.complete | later.complete
        )


NOTHING: Final = Announced()
"""For currencies without a file."""


def shipped() -> dict[str, Announced]:
    """What the files of this package say, by currency."""
    folder = files("tallystick.fx") / "overrides"
    texts = {
        each.name.removesuffix(_SUFFIX): each.read_text(encoding="ascii")
        for each in folder.iterdir()
        if each.name.endswith(_SUFFIX)
    }
    return parse_overrides(texts, texts, range(1, 10_000))


def parse_overrides(
    texts: Mapping[str, str], known: Iterable[str], years: range
) -> dict[str, Announced]:
    """The files' `texts`, by currency, as values.

    `known` are the currencies that have a calendar, `years` those that calendars reach.

    Raises:
        Misconfigured: one sentence with everything that is wrong in all of them.
    """
    found: dict[str, Announced] = {}
    wrong: list[str] = []
    calendars = frozenset(known)
    for currency, text in sorted(texts.items()):
        if currency not in calendars:
            wrong.append(f"{currency[:20]!r} is no currency with a calendar of its own")
            continue
        try:
            file = msgspec.toml.decode(text, type=_File)
        except msgspec.DecodeError as error:
            wrong.append(f"{currency}: {error}")
            continue
        found[currency], mistakes = _checked(file, years)
        wrong += [f"{currency}: {mistake}" for mistake in mistakes]
    if wrong:
        raise Misconfigured(f"The calendar overrides cannot be used: {'; '.join(wrong)}.")
    return found


def _checked(file: _File, years: range) -> tuple[Announced, list[str]]:
    """The file's value, and what is wrong with it."""
    wrong = []
    closed: dict[date, str] = {}
    for text, reason in file.closed.items():
        try:
            closed[date.fromisoformat(text)] = reason
        except ValueError:
            wrong.append(f"{text[:20]!r} is not a date such as 2026-02-16")
            continue
        if not 0 < len(reason.strip()) <= REASON_CHARACTERS_MAX:
            wrong.append(f"{text} needs a reason of 1 to {REASON_CHARACTERS_MAX} characters")
    opened = frozenset(file.open)
    wrong += [f"{day} is both open and closed" for day in sorted(opened & closed.keys())]
    named = {day.year for day in (*closed, *opened)} | set(file.complete)
    wrong += [f"no calendar reaches the year {year}" for year in sorted(named - set(years))]
    if not file.source.strip():
        wrong.append("the source is empty")
    if len(closed) + len(opened) > OVERRIDE_DAYS_MAX:
        wrong.append(f"more than {OVERRIDE_DAYS_MAX} days")
    return Announced(closed, opened, frozenset(file.complete)), wrong
