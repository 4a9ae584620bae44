"""Verdicts as they stand in the ledger: entry bytes to what was said."""

import math
from typing import Literal

import msgspec

from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.score import P_VALUE_MIN

_MARK = b'"kind":"anomaly_judged"'
_DECODER = msgspec.json.Decoder(AnomalyJudged)
_VERDICTS: tuple[Literal["confirmed", "dismissed"], ...] = ("confirmed", "dismissed")
_SCOPES: tuple[Literal["stream", "entity"], ...] = ("stream", "entity")


def judged(entry: bytes) -> AnomalyJudged | None:
    """The verdict in these entry bytes; None for another entry, or one that a newer version wrote.

    Asked about every entry of the ledger: a tenth of a microsecond where it is none.
    """
    if _MARK not in entry:
        return None
    try:
        said = _DECODER.decode(entry)
    except ValueError:
        return None  # raw bytes, another kind whose text holds the mark, or members we do not know
    return said if said.verdict in _VERDICTS and said.scope in _SCOPES else None


def surprise_of(p_value: float) -> float:
    """-log10 of a p-value, from 0 to that of the smallest p-value that is said."""
    return -math.log10(min(1.0, max(P_VALUE_MIN, p_value)))
