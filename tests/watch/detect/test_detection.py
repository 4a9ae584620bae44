"""Detection learns who watches and what to hold back from the entries that it looks at."""

from collections.abc import Mapping

import msgspec
import pytest

from tallystick.clock import rfc3339
from tallystick.errors import Corrupt, Misconfigured
from tallystick.ledger.notices import AnomalyJudged, BacktestSummary, ModelPromoted
from tallystick.stream.message import Message
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.detection import CLASSIFIER, Detection
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.models import Model
from tallystick.watch.detect.observation import CallSeen, Observation
from tallystick.watch.detect.score import Anomaly, Finding, Judged, Reason

SURPRISE = Reason("less", "more", "More came than was expected.", ())
OTHER = Model(DetectConfig(disabled=("tame",)))
BROKEN = Model(DetectConfig(numbers={"no": {"such": 1.0}}))
MODELS = {each.version: each for each in (OTHER, BROKEN)}


class Wild:
    """Finds every call, in the names that it was made for; counts what it saw."""

    names = ("wild", "tame")
    observes: tuple[type[Observation], ...] = (CallSeen,)

    def __init__(self) -> None:
        """Nothing seen."""
        self.seen = 0

    def observe(self, batch: object) -> Judged:
        """Everything is odd."""
        rows = list(batch)  # type: ignore[call-overload]
        self.seen += len(rows)
        findings = [
            Finding(row, name, "operations", "all", 1e-7, 0.0, SURPRISE)
            for row in range(len(rows))
            for name in self.names
        ]
        return Judged([1e-7] * len(rows), findings)

    def snapshot(self) -> bytes:
        """How many it saw."""
        return b"%d" % self.seen

    def restore(self, data: bytes) -> None:
        """Refuses what is no number."""
        self.seen = int(data)


def build(config: DetectConfig, _artefacts: Mapping[str, bytes]) -> list[Detector]:
    """One wild detector; a configuration with numbers is refused."""
    if config.numbers:
        raise Misconfigured("There is no detector 'no'.")
    return [Wild()]


def model_of(version: str | None) -> tuple[Model, str | None]:
    """Of this test's models."""
    return (Model(SHIPPED), None) if version is None else (MODELS[version], None)


def detection() -> Detection:
    """A new one."""
    return Detection(model_of, build)


def look(watching: Detection, second: int) -> list[Anomaly]:
    """What it says of one call."""
    at = rfc3339((1_760_000_000 + second) * 10**9)
    return watching.see([CallSeen(at, 1_760_000_000.0 + second, "GET /x", 200, 9.0, "acme")])


def promotion(position: int, version: str) -> Message:
    """The entry of a promotion."""
    summary = BacktestSummary("0" * 64, 0, 9, 9, 1, 1, 0, 0, None, 0, 0)
    entry = ModelPromoted(
        at="2026-11-22T10:00:00.000000Z", model=version, previous=Model(SHIPPED).version,
        scope="detect", rollback=False, backtest=summary, reason="better", by="ann",
    )  # fmt: skip
    return Message(position, msgspec.json.encode(entry, order="sorted"))


def dismissal(position: int, anomaly: Anomaly) -> Message:
    """The entry of a verdict."""
    entry = AnomalyJudged(
        at=anomaly.at, anomaly=anomaly.id, detector=anomaly.detector, entity=anomaly.entity,
        client=None, verdict="dismissed", reason="a drill", p_value="1e-07", sentence="s",
        position=None, scope="stream", until=None, by="ann", key=None, request=None,
    )  # fmt: skip
    return Message(position, msgspec.json.encode(entry, order="sorted"))


def test_what_was_dismissed_is_held_back_and_still_said() -> None:
    """Two dismissals; the next one of the stream is found and alerts nobody."""
    watching = detection()
    for number in range(2):
        wild = look(watching, number)[0]
        assert wild.held is None
        watching.take([dismissal(number, wild)])
    held, tame = look(watching, 9)

    assert (held.detector, tame.detector) == ("wild", "tame")
    assert held.held is not None
    assert tame.held is None
    assert watching.position == 2


def test_a_promotion_changes_who_watches() -> None:
    """From the next entry on; what it disables is not said any more."""
    watching = detection()
    assert [each.detector for each in look(watching, 0)] == ["wild", "tame"]
    watching.take([promotion(0, OTHER.version)])
    found = look(watching, 1)

    assert [each.detector for each in found] == ["wild"]
    assert {each.model for each in found} == {OTHER.version}


def test_a_challenger_watches_in_the_shadow_and_takes_over_warm() -> None:
    """It alerts nobody; promoted, it goes on with all that it has seen."""
    watching = detection()
    watching.challenge(OTHER.version)
    assert [each.model for each in look(watching, 0)] == [Model(SHIPPED).version] * 2
    comparison = watching.comparison()
    assert comparison is not None
    assert comparison.observed == 1
    again = detection()
    again.restore(watching.snapshot())
    assert again.challenger == OTHER.version
    again.take([promotion(0, OTHER.version)])

    (warm,) = again._watcher._detectors
    assert (again.model, again.challenger) == (OTHER.version, None)
    assert isinstance(warm, Wild)
    assert warm.seen == 1


def test_a_version_that_cannot_be_built_leaves_nobody_blind() -> None:
    """The shipped one watches in its place, and the operator hears of it."""
    watching = detection()
    watching.take([promotion(0, BROKEN.version)])

    assert watching.model == Model(SHIPPED).version
    assert any("runs in its place" in note for note in watching.noted())
    assert watching.noted() == []


def test_a_classifier_that_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts go on without it."""
    spoilt = Model(SHIPPED, {CLASSIFIER: b"no classifier"})
    monkeypatch.setitem(MODELS, spoilt.version, spoilt)
    watching = detection()
    watching.take([promotion(0, spoilt.version)])

    assert watching.model == spoilt.version
    assert any("without it" in note for note in watching.noted())
    assert look(watching, 0)[0].likely is None


@pytest.mark.parametrize("data", [b"", b"\x00", b"no state"])
def test_a_state_that_cannot_be_read_is_refused(data: bytes) -> None:
    """As Corrupt, with a sentence."""
    with pytest.raises(Corrupt, match="cannot be read"):
        detection().restore(data)
