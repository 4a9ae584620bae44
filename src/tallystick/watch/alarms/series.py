"""A series: one combination of labels of an alarm, with a state of its own."""

from collections.abc import Mapping

import msgspec

Series = tuple[tuple[str, str], ...]
"""Its labels, by name; empty for an alarm that has only one."""
Values = dict[Series, float | None]
"""What each series came to in one period; None: no data."""
SERIES_PER_ALARM_MAX = 500
"""Most series of one alarm; further ones are not watched, and counted."""
_decode = msgspec.json.Decoder(Series).decode


def series_of(labels: Mapping[str, str]) -> Series:
    """The series with these labels."""
    return tuple(sorted(labels.items()))


def series_key(series: Series) -> str:
    """How a series is named in the store: JSON, the same for the same labels."""
    return msgspec.json.encode(series).decode()


def read_key(key: str) -> Series:
    """The series of such a key."""
    return _decode(key)
