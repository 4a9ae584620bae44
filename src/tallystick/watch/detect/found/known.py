"""An anomaly as the house knows it: what was found, and what people said of it."""

from typing import Literal

import msgspec

from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.score import Anomaly

VerdictWord = Literal["confirmed", "dismissed"]


class Verdict(msgspec.Struct, frozen=True):
    """What somebody said of an anomaly, and the ledger entry that says so.

    `scope` is what else it judges: like ones of the same detector and entity ("stream"), or of
    every detector about the entity ("entity"). `until` ends a dismissal that holds by itself.
    """

    position: int
    at: str
    verdict: VerdictWord
    reason: str
    by: str
    scope: Literal["stream", "entity"]
    until: str | None


class Known(msgspec.Struct, frozen=True):
    """An anomaly, when it was found, and the verdict that holds; None: nobody has judged it."""

    anomaly: Anomaly
    found_at: str
    verdict: Verdict | None


class Labelled(msgspec.Struct, frozen=True):
    """An anomaly whose truth is known: what a classifier is trained on; `at` is the verdict's."""

    anomaly: Anomaly
    verdict: VerdictWord
    at: str


def verdict_of(position: int, entry: AnomalyJudged) -> Verdict:
    """The verdict that an entry says."""
    return msgspec.convert(
        {
            "position": position,
            "at": entry.at,
            "verdict": entry.verdict,
            "reason": entry.reason,
            "by": entry.by,
            "scope": entry.scope,
            "until": entry.until,
        },
        Verdict,
    )
