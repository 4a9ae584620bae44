"""Judging: what somebody says of an anomaly becomes an entry, or is refused with a sentence."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.found.known import Known, VerdictWord
from tallystick.watch.detect.found.store import Found
from tallystick.watch.detect.score import Anomaly

DISMISSAL_DAYS_MAX = 400
"""Longest time for which a dismissal may hold by itself: nothing is silenced for ever."""
SENTENCE_CHARACTERS_MAX = 2_000
"""How much of an anomaly's sentence stands in the entry."""
DAY_SECONDS = 86_400
Scope = Literal["stream", "entity"]


class Said(msgspec.Struct, frozen=True):
    """What somebody said of an anomaly; `until` is RFC 3339, only for a dismissal."""

    verdict: VerdictWord
    reason: str
    by: str
    scope: Scope = "stream"
    until: str | None = None


class Judging:
    """Makes the entries of verdicts on what `found` holds.

    `find` says whether a text tells what may not stand in the ledger (`Redactor.find`).
    """

    def __init__(self, found: Found, find: Callable[[bytes], Sequence[object]]) -> None:
        self._found = found
        self._find = find

    def known(self, anomaly_id: str) -> Known:
        """The anomaly with this id.

        Raises:
            Refused: `UNKNOWN_ANOMALY`.
        """
        known = self._found.get(anomaly_id)
        if known is None:
            raise Refused("UNKNOWN_ANOMALY", f"There is no anomaly {anomaly_id[:100]!r}.")
        return known

    def entry(
        self,
        anomaly: Anomaly,
        said: Said,
        at_ns: int,
        key: str | None = None,
        request: str | None = None,
    ) -> AnomalyJudged:
        """The entry of a verdict that is said at `at_ns`.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`, the reason is empty, or the end is no time to come;
                `MEMBER_NOT_ALLOWED`; `PERSONAL_DATA`.
        """
        self._check_reason(said.reason)
        return AnomalyJudged(
            at=rfc3339(at_ns),
            anomaly=anomaly.id,
            detector=anomaly.detector,
            entity=anomaly.entity,
            client=anomaly.account,
            verdict=said.verdict,
            reason=said.reason,
            p_value=f"{anomaly.p_value:.3g}",
            sentence=anomaly.sentence[:SENTENCE_CHARACTERS_MAX],
            position=anomaly.position,
            scope=said.scope,
            until=_until(said, at_ns),
            by=said.by,
            key=key,
            request=request,
        )

    def _check_reason(self, reason: str) -> None:
        if not reason.strip():
            raise Refused("VALUE_NOT_ALLOWED", "A verdict needs a reason.", field="reason")
        if self._find(reason.encode()):
            sentence = "The reason stays in the ledger for ever: nothing personal may be in it."
            raise Refused("PERSONAL_DATA", sentence, field="reason")


def _until(said: Said, at_ns: int) -> str | None:
    if said.until is None:
        return None
    if said.verdict == "confirmed":
        sentence = "Only a dismissal has an end: `until` is not for what is confirmed."
        raise Refused("MEMBER_NOT_ALLOWED", sentence, field="until")
    try:
        until_ns = parse_rfc3339(said.until)
    except ValueError as error:
        sentence = f"until: {said.until[:64]!r} is not a time such as 2026-11-22T17:00:00Z."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="until") from error
    if not 0 < until_ns - at_ns <= DISMISSAL_DAYS_MAX * DAY_SECONDS * NS_PER_SECOND:
        sentence = f"until has to be a time to come, at most {DISMISSAL_DAYS_MAX} days ahead."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="until")
    return rfc3339(until_ns)
