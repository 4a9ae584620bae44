"""The Ion data model in Python: what a QLDB document is made of, whatever file it came in.

Values that Python has are themselves: `None` (null.null), bool, int, float, str, `Decimal` (with
sign and exponent, so `-0.00` stays what it is), bytes (blob) and list. The rest is below. Source:
the Amazon Ion 1.0 specification, https://amazon-ion.github.io/ion-docs/docs/spec.html
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

IonValue: TypeAlias = (
    "bool | int | float | str | Decimal | bytes | list[IonValue]"
    " | Null | Symbol | Clob | Timestamp | Sexp | Struct | Annotated | None"
)

_TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})"
    r"(?:T|-(?P<month>[0-9]{2})"
    r"(?:T|-(?P<day>[0-9]{2})"
    r"(?:T?|T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2}))))"
)
_NO_OFFSET = "-00:00"
"""Ion's spelling of a local time whose offset from UTC nobody knows."""


@dataclass(frozen=True)
class Null:
    """A null with a type that is not `null`: `null.int` is `Null("int")`."""

    type: str


@dataclass(frozen=True)
class Symbol:
    """An interned name; `None` is the symbol `$0`, whose text nobody knows."""

    text: str | None


@dataclass(frozen=True)
class Clob:
    """Text in an encoding that only the user knows."""

    data: bytes


@dataclass(frozen=True)
class Sexp:
    """An S-expression: a list in round brackets."""

    items: list[IonValue]


@dataclass(frozen=True)
class Struct:
    """Names and values; as in Ion, a name may stand more than once."""

    fields: tuple[tuple[str | None, IonValue], ...]

    def get(self, name: str) -> IonValue:
        """The first value of this name; `None` where there is none."""
        return next((value for field, value in self.fields if field == name), None)


@dataclass(frozen=True)
class Annotated:
    """A value under annotations, `metres::5`."""

    annotations: tuple[str | None, ...]
    value: IonValue


@dataclass(frozen=True)
class Timestamp:
    """A moment in Ion's spelling, whose digits say how precisely it is known."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "Timestamp":
        """The timestamp of this Ion text: `2019T`, `2019-09-16`, `2019-09-16T19:37:05.344Z`.

        Raises:
            ValueError: it is none, or no such day or minute exists.
        """
        stamp = cls(text)
        stamp.utc()
        return stamp

    @property
    def parts(self) -> dict[str, str | None]:
        """Its parts by name; those beyond its precision are `None`.

        Raises:
            ValueError: the text is no timestamp.
        """
        found = _TIMESTAMP.fullmatch(self.text)
        if found is None:
            raise ValueError(f"{self.text[:64]!r} is not an Ion timestamp")
        return found.groupdict()

    @property
    def offset_minutes(self) -> int | None:
        """Minutes ahead of UTC; `None` where that is not known."""
        offset = self.parts["offset"]
        if offset is None or offset == _NO_OFFSET:
            return None
        if offset == "Z":
            return 0
        minutes = int(offset[1:3]) * 60 + int(offset[4:6])
        return -minutes if offset[0] == "-" else minutes

    def utc(self) -> datetime:
        """The moment in UTC to the second, without a zone; missing parts are their first."""
        parts = self.parts
        local = datetime(  # noqa: DTZ001  of unknown zone until the offset is taken off
            int(parts["year"] or 1),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
        )
        try:
            return local - timedelta(minutes=self.offset_minutes or 0)
        except OverflowError as error:
            raise ValueError(f"{self.text[:64]!r} is out of range") from error
