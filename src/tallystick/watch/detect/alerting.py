"""Which anomalies alert somebody: not what was dismissed, not one order twice, not the unlikely.

All are kept and shown; what alerts nobody says why.
"""

from collections.abc import Sequence

import msgspec

from tallystick.watch.detect.feedback import Suppressions
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.supervised.classifier import Classifier
from tallystick.watch.detect.supervised.judged import probabilities


class Alerting:
    """Holds anomalies back by what people said, and by what a classifier learnt from that.

    `likely_min`: below this probability of being worth an alert the classifier holds one back.
    """

    def __init__(
        self, suppressions: Suppressions, classifier: Classifier | None, likely_min: float
    ) -> None:
        self._suppressions = suppressions
        self._classifier = classifier
        self._likely_min = likely_min

    def decide(self, found: Sequence[Anomaly]) -> list[Anomaly]:
        """The same anomalies, with the reason why nobody is alerted where somebody is not.

        An order that is odd in several ways alerts once, in its oddest.
        """
        if not found:
            return []
        judged = [self._judged(each) for each in self._scored(found)]
        oddest: dict[int, Anomaly] = {}
        for each in judged:
            if each.held is None and each.position is not None:
                known = oddest.get(each.position)
                if known is None or each.p_value < known.p_value:
                    oddest[each.position] = each
        return [_once(each, oddest) for each in judged]

    def _scored(self, found: Sequence[Anomaly]) -> Sequence[Anomaly]:
        if self._classifier is None:
            return found
        likely = probabilities(self._classifier, found)
        return [
            msgspec.structs.replace(each, likely=round(share, 6))
            for each, share in zip(found, likely, strict=True)
        ]

    def _judged(self, anomaly: Anomaly) -> Anomaly:
        held = self._suppressions.held(anomaly)
        if held is None and anomaly.likely is not None and anomaly.likely < self._likely_min:
            held = (
                f"The classifier gives it {anomaly.likely:.1%} to be worth an alert;"
                f" alerts begin at {self._likely_min:.0%}."
            )
        return anomaly if held is None else msgspec.structs.replace(anomaly, held=held)


def _once(anomaly: Anomaly, oddest: dict[int, Anomaly]) -> Anomaly:
    if anomaly.held is not None or anomaly.position is None:
        return anomaly
    first = oddest[anomaly.position]
    if first is anomaly:
        return anomaly
    return msgspec.structs.replace(anomaly, held=f"The same order is told as {first.id}.")
