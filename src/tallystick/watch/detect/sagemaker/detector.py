"""Random Cut Forest as a detector of orders: one forest over all accounts, as the cloud runs it.

It is there to be compared with: as the challenger, by our own forest or by a hosted one.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.forest.calibration import REFERENCE_SCORES_MAX, Calibration
from tallystick.watch.detect.forest.forest import RandomCutForest, restored
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.sagemaker.endpoint import SageMakerEndpoint, read_endpoint
from tallystick.watch.detect.sagemaker.features import FEATURES, NAME, NAMES, OrderRows
from tallystick.watch.detect.score import (
    ALARM_P_MAX,
    P_VALUE_MIN,
    Contribution,
    Example,
    Finding,
    Judged,
    Reason,
)

ENDPOINT = "endpoint.json"
"""The artefact that names a hosted forest."""
WARM_UP = 512
"""Orders before any is judged."""
CALIBRATE_EVERY = 256
"""Orders between two looks at how usual scores are distributed."""
REFRACTORY_SECONDS = 60.0
TREES = 50
SAMPLES = 256
DECAY = 0.1 / SAMPLES
"""How fast our own forest forgets: a sample lives for about ten times its size of orders."""
CONTRIBUTIONS_MAX = 3
Array = NDArray[np.float64]


class Scorer(Protocol):
    """A forest of ours, or one that somebody hosts."""

    def score(self, rows: Array) -> Array | None:
        """The score of each row by what came before; None where they cannot be had."""
        ...

    def parts(self, row: Array) -> tuple[Array, Array] | None:
        """Each feature's part in a row's score, and the (2, features) usual range."""
        ...

    def snapshot(self) -> bytes:
        """What was learnt."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is none.
        """
        ...


class OwnForest:
    """Our own, learning as it goes."""

    def __init__(self, trees: int = TREES, samples: int = SAMPLES) -> None:
        self._forest = RandomCutForest(len(NAMES), trees, samples, decay=DECAY)

    def score(self, rows: Array) -> Array:
        """Score each row, then learn it."""
        return self._forest.score_and_learn(rows)

    def parts(self, row: Array) -> tuple[Array, Array]:
        """Attribution, and what is usual nearby."""
        return self._forest.attribution(row).sum(axis=1), self._forest.usual(row)

    def snapshot(self) -> bytes:
        """All trees."""
        return self._forest.snapshot()

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a forest of this size."""
        forest = restored(data)
        asked = (self._forest.dimensions, self._forest.trees, self._forest.samples)
        if (forest.dimensions, forest.trees, forest.samples) != asked:
            raise ValueError("the forest has another size")
        self._forest = forest


class HostedForest:
    """Somebody else's, which learns nothing from us. `failed` counts requests without an answer."""

    def __init__(self, endpoint: SageMakerEndpoint) -> None:
        self.failed = 0
        self.note: str | None = None
        self._endpoint = endpoint
        self._answers = True

    def score(self, rows: Array) -> Array | None:
        """Ask; what cannot be had is not judged. The first of a row of failures is noted."""
        try:
            scores = self._endpoint.score(rows)
        except (TemporaryError, Misconfigured) as error:
            if self._answers:
                self.note = f"The hosted forest gives no scores, and finds nothing: {error}"
            self.failed += 1
            self._answers = False
            return None
        self._answers = True
        return scores

    def parts(self, row: Array) -> None:  # noqa: ARG002  it gives scores alone
        """The built-in forest does not explain."""
        return

    def snapshot(self) -> bytes:
        """Nothing is learnt here."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing was learnt here."""


class _Saved(msgspec.Struct):
    v: Literal[1]
    forest: bytes
    scores: list[float]
    calibration: list[float]
    seen: int
    last: list[tuple[str, float]]


class ForestDetector:
    """Judges the orders that clients place by the score of a forest."""

    names = (NAME,)
    observes: tuple[type[Observation], ...] = (OrderSeen,)

    def __init__(
        self, scorer: Scorer, alarm_p: float = ALARM_P_MAX, warm_up: int = WARM_UP
    ) -> None:
        self._scorer = scorer
        self._alarm_p = alarm_p
        self._warm_up = warm_up
        self._rows = OrderRows()
        self._scores = np.zeros(0)
        self._calibration = Calibration(self._scores)
        self._seen = 0

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score and learn the orders, one after the other."""
        p_values = [float("nan")] * len(batch)
        findings: list[Finding] = []
        orders = [
            (row, each) for row, each in enumerate(batch)
            if isinstance(each, OrderSeen) and each.own and each.event == "decided"
        ]  # fmt: skip
        while orders:  # up to where the calibration changes, so that batches do not matter
            some = orders[: CALIBRATE_EVERY - self._seen % CALIBRATE_EVERY]
            del orders[: len(some)]
            self._judge(some, p_values, findings)
        return Judged(p_values, findings)

    def noted(self) -> list[str]:
        """What a hosted forest's operator should hear; said once."""
        scorer = self._scorer
        if not isinstance(scorer, HostedForest) or scorer.note is None:
            return []
        note, scorer.note = scorer.note, None
        return [note]

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        saved = _Saved(
            1, self._scorer.snapshot(), self._scores.tolist(),
            self._calibration.scores.tolist(), self._seen, self._rows.snapshot(),
        )  # fmt: skip
        return msgspec.msgpack.encode(saved)

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of the same detector.

        Raises:
            ValueError: the bytes are none; it is as it was.
        """
        saved = msgspec.msgpack.decode(data, type=_Saved)
        self._scorer.restore(saved.forest)
        self._scores = np.array(saved.scores)
        self._seen = saved.seen
        self._rows.restore(saved.last)
        self._calibration = Calibration(np.array(saved.calibration))

    def _judge(
        self,
        orders: Sequence[tuple[int, OrderSeen]],
        p_values: list[float],
        findings: list[Finding],
    ) -> None:
        """Judge some orders, each with its row in the batch, and learn them."""
        numbers = np.array([self._rows.row(order) for _row, order in orders])
        scores = self._scorer.score(numbers)
        if scores is None:
            return
        if self._seen >= self._warm_up:
            found = self._calibration.p_values(scores).tolist()
            for place, (row, order) in enumerate(orders):
                p_values[row] = found[place]
                if found[place] <= self._alarm_p:
                    score = float(scores[place])
                    findings.append(self._finding(row, order, numbers[place], score, found[place]))
        self._seen += len(orders)
        self._scores = np.concatenate([self._scores, scores])[-REFERENCE_SCORES_MAX:]
        if self._seen % CALIBRATE_EVERY == 0:
            self._calibration = Calibration(self._scores)

    def _finding(
        self, row: int, order: OrderSeen, numbers: Array, score: float, p_value: float
    ) -> Finding:
        told = self._scorer.parts(numbers)
        contributions = () if told is None else _contributions(numbers, *told, p_value)
        usual = float(np.median(self._calibration.scores))
        most = f"; most of it is its {_plain(contributions[0].feature)}" if contributions else ""
        deed = f"{order.side} {order.quantity:,.0f} {order.pair}"
        reason = Reason(
            expected=f"a score of about {usual:.2f}, as most orders have",
            came=f"{deed} with a score of {score:.2f}",
            sentence=(
                f"{order.account}: {deed} is unlike the orders so far, all in all"
                f" (score {score:.2f}, usual is {usual:.2f}){most}."
            ),
            contributions=contributions,
            nearest=_nearest(order, told),
            positions=(order.position,),
        )
        return Finding(row, NAME, "fraud", order.account, p_value, REFRACTORY_SECONDS, reason)


def forest_detector(config: DetectConfig, artefacts: Mapping[str, bytes]) -> ForestDetector | None:
    """The detector where a configuration or an artefact asks for it.

    `{"random_cut_forest": {"trees": 50, "samples": 256, "warm_up": 512}}`, any of them, is our own;
    the artefact `endpoint.json` is one that is hosted.

    Raises:
        Misconfigured: the endpoint, or a number, is none.
    """
    numbers = config.numbers.get(NAME)
    if numbers is None and ENDPOINT not in artefacts:
        return None
    given = {name: int(number) for name, number in (numbers or {}).items()}
    strange = given.keys() - {"trees", "samples", "warm_up"}
    if strange or any(number < 1 for number in given.values()):
        raise Misconfigured(f"The numbers of {NAME} are trees, samples and warm_up, 1 at least.")
    warm_up = given.pop("warm_up", WARM_UP)
    scorer: Scorer
    if ENDPOINT in artefacts:
        scorer = HostedForest(SageMakerEndpoint(read_endpoint(artefacts[ENDPOINT])))
    else:
        try:
            scorer = OwnForest(**given)
        except ValueError as error:
            raise Misconfigured(f"{error}.") from error
    return ForestDetector(scorer, config.alarm_p, warm_up)


def _contributions(
    row: Array, parts: Array, usual: Array, p_value: float
) -> tuple[Contribution, ...]:
    """The features that make most of the score; their surprises add up to the whole one's."""
    shares = parts / (float(parts.sum()) or 1.0)
    surprise = -float(np.log10(max(P_VALUE_MIN, p_value)))
    low, high = usual
    order = np.argsort(-parts, kind="stable")[:CONTRIBUTIONS_MAX].tolist()
    return tuple(
        Contribution(
            NAMES[i],
            FEATURES[NAMES[i]].unit,
            came=round(float(row[i]), 4),
            expected_low=round(float(low[i]), 4),
            expected_high=round(float(high[i]), 4),
            surprise=round(surprise * float(shares[i]), 3),
        )
        for i in order
    )


def _nearest(order: OrderSeen, told: tuple[Array, Array] | None) -> Example | None:
    """What an order nearby would have been; a hosted forest does not say."""
    if told is None:
        return None
    quantity = 10.0 ** float(told[1][:, 0].mean())
    return Example(order.at, f"{order.side} about {quantity:,.0f} {order.pair}")


def _plain(feature: str) -> str:
    """A feature's name for a sentence."""
    return feature.removeprefix("forest_").replace("_", " ")
