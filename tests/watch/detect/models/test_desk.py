"""What an operator may change about models, and what it takes."""

from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Refused
from tallystick.execution.entries import encode
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models import Model, shipped
from tallystick.watch.detect.models.desk import CHALLENGER, MODELS, ModelDesk, Said
from tallystick.watch.detect.models.report import Backtest, Outcome, digest_of
from tallystick.watch.detect.models.version import ENDPOINT, REVISION

from .conftest import other, promotion

LEAF = "cd" * 32
SAID = Said("ann", "it is better")


def report_of(*versions: str, **changes: object) -> Backtest:
    """A backtest of these versions."""
    outcomes = tuple(
        Outcome(version, "1", 3, 1, 1, 1, 1, 0, 0.5, 1.0, 30.0, 10.0, 20.0, None, {})
        for version in versions
    )
    plain = Backtest(5, 15, None, None, LEAF, 5, 10, 0, 10_000, 0, outcomes, None)
    return msgspec.structs.replace(plain, **changes)


class House:
    """A desk of models and what it was asked to do."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str | None] = []
        self.folder = folder
        self.desk = ModelDesk(
            folder, ManualClock(), lambda text: [1] if b"@" in text else [], self.asked.append
        )
        self.position = 0

    def promote(self, version: str) -> None:
        """Promote a version, as the API does."""
        report = report_of(version)
        attached = self.desk.attach(version, report.canonical, report.digest)
        self.write(self.desk.promoted(attached, LEAF, SAID, 1))

    def write(self, entry: object) -> None:
        """Append an entry and let the desk learn it."""
        self.desk.catch_up([(self.position, encode(entry))])  # type: ignore[arg-type]
        self.position += 1


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A desk on an empty folder."""
    return House(tmp_path)


def refused(code: str) -> object:
    """Expects a refusal with this code."""
    return pytest.raises(Refused, check=lambda error: error.code == code)


def test_promoted_with_its_backtest_and_rolled_back(house: House) -> None:
    """The entry has summary and digest, the report is kept; rollback goes back by one."""
    one, two = house.desk.registry.save(other(a=1)), house.desk.registry.save(other(a=2))
    assert house.desk.version == shipped().version
    report = report_of(one, shipped().version)
    attached = house.desk.attach(one, report.canonical, report.digest)
    entry = house.desk.promoted(attached, LEAF, SAID, 1)
    assert (entry.model, entry.previous, entry.rollback) == (one, shipped().version, False)
    assert entry.backtest is not None
    assert entry.backtest.digest == digest_of(report.canonical)
    assert (entry.backtest.from_, entry.backtest.to, entry.backtest.found) == (5, 15, 3)
    assert entry.backtest.against == shipped().version
    assert house.desk.backtest(report.digest) == report.canonical

    house.write(entry)
    house.promote(two)
    assert house.desk.version == two
    for expected in (one, shipped().version):
        house.write(house.desk.rolled_back(SAID, 2))
        assert house.desk.version == expected
    with refused("NOTHING_TO_ROLL_BACK"):
        house.desk.rolled_back(SAID, 3)


def test_without_a_backtest_that_fits_nothing_is_promoted(house: House) -> None:
    """Another digest, another version, another ledger, changed, empty, or no report at all."""
    one = house.desk.registry.save(other())
    report = report_of(one)
    empty = report_of(one, entries=0)
    loose = report.canonical + b" "
    for data, digest in (
        (report.canonical, "0" * 64),
        (report_of("0" * 12).canonical, report_of("0" * 12).digest),
        (loose, digest_of(loose)),
        (empty.canonical, empty.digest),
        (b"{}", digest_of(b"{}")),
        (b"\xff", digest_of(b"\xff")),
    ):
        with refused("BAD_BACKTEST"):
            house.desk.attach(one, data, digest)
    attached = house.desk.attach(one, report.canonical, report.digest)
    for leaf in (None, "00" * 32):
        with refused("BAD_BACKTEST"):
            house.desk.promoted(attached, leaf, SAID, 1)


def test_what_cannot_be_promoted_is_refused(house: House) -> None:
    """Unknown, of another release, only a challenger, or the champion already."""
    endpoint = house.desk.registry.save(Model(SHIPPED, {ENDPOINT: b"{}"}))
    old = house.desk.registry.save(Model(SHIPPED, revision="0"))
    for version, code in (
        ("0" * 12, "UNKNOWN_MODEL"), (old, "MODEL_OUTDATED"), (endpoint, "MODEL_NOT_PROMOTABLE"),
    ):  # fmt: skip
        report = report_of(version)
        with refused(code):
            house.desk.attach(version, report.canonical, report.digest)
    spoilt = house.desk.registry.save(Model(DetectConfig(alarm_p=1e-9)))
    (house.folder / MODELS / spoilt / "config.json").write_bytes(b"{}")
    with refused("MODEL_CHANGED"):
        house.desk.challenge(spoilt, "ann")
    report = report_of(shipped().version)
    attached = house.desk.attach(shipped().version, report.canonical, report.digest)
    with refused("ALREADY_CHAMPION"):
        house.desk.promoted(attached, LEAF, SAID, 1)


@pytest.mark.parametrize(
    ("reason", "code"), [("", "VALUE_NOT_ALLOWED"), ("  ", "VALUE_NOT_ALLOWED"),
                         ("as ann@example.com said", "PERSONAL_DATA")],
)  # fmt: skip
def test_a_reason_is_for_ever(house: House, reason: str, code: str) -> None:
    """It says something, and nothing personal."""
    report = report_of(shipped().version)
    attached = house.desk.attach(shipped().version, report.canonical, report.digest)
    with refused(code):
        house.desk.promoted(attached, LEAF, Said("ann", reason), 1)
    with refused(code):
        house.desk.rolled_back(Said("ann", reason), 1)


def test_a_challenger_watches_until_it_is_told_otherwise(house: House) -> None:
    """It is kept over restarts, told to the detection process, and gone when it is promoted."""
    one = house.desk.registry.save(other())
    challenger = house.desk.challenge(one, "ann")
    assert challenger is not None
    assert (challenger.version, challenger.by) == (one, "ann")
    assert ModelDesk(house.folder, ManualClock(), lambda _text: []).challenger == challenger
    house.promote(one)
    assert house.desk.challenger is None

    house.desk.challenge(shipped().version, "ann")
    assert house.desk.challenge(None, "ann") is None
    assert house.desk.challenger is None
    assert house.asked == [one, shipped().version, None]
    for version, code in (("0" * 12, "UNKNOWN_MODEL"), (one, "ALREADY_CHAMPION")):
        with refused(code):
            house.desk.challenge(version, "ann")
    house.desk.challenge(None, "ann")


def test_nothing_is_learnt_before_it_has_caught_up(house: House) -> None:
    """The newest promotion without those before it would be a champion without a way back."""
    first, second = (promotion(name * 12, before * 12) for name, before in ("a0", "ba"))
    house.desk.learn([(9, second)])
    assert house.desk.version == shipped().version
    house.desk.catch_up([(3, first)])
    house.desk.learn([(3, first), (9, second)])
    assert (house.desk.version, house.desk.champion.previous) == ("b" * 12, "a" * 12)


def test_a_challenger_that_cannot_be_read_challenges_nobody(house: House) -> None:
    """Half a file is no reason not to start."""
    (house.folder / CHALLENGER).write_text("{")
    assert house.desk.challenger is None


def test_versions_are_described_whatever_became_of_them(house: House) -> None:
    """Of this release, of another, and changed by somebody."""
    one = house.desk.registry.save(Model(SHIPPED, {"classifier.json": b"{}"}))
    old = house.desk.registry.save(Model(SHIPPED, revision="0"))
    assert house.desk.described(shipped().version) == (REVISION, (), True)
    assert house.desk.described(one) == (REVISION, ("classifier.json",), True)
    assert house.desk.described(old) == ("0", (), False)
    assert house.desk.config(one) == house.desk.config(shipped().version) == SHIPPED
    (house.folder / "models" / one / "config.json").write_text("{}")
    assert house.desk.described(one) == ("", (), False)


@pytest.mark.parametrize("digest", ["0" * 64, "../models", ""])
def test_a_backtest_that_is_not_there_is_refused(house: House, digest: str) -> None:
    """Also what could be no digest."""
    with refused("UNKNOWN_BACKTEST"):
        house.desk.backtest(digest)
