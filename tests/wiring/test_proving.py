"""What has to work for a heartbeat to go out: each proof fails when its part stands still."""

from dataclasses import dataclass

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt
from tallystick.wiring.proving import STILL_SECONDS_MAX, Follows, answers, proofs_of, recent


@dataclass
class Numbers:
    """A ledger and a runner, as far as proofs look at them."""

    size: int = 3
    position: int = 3
    worked_ns: int = 0
    sampled_ns: int = 0
    wrong: str = ""

    def receipt(self, position: int) -> None:
        """Proves an entry, or says why not."""
        assert position == self.size - 1
        if self.wrong:
            raise Corrupt(self.wrong)


def test_every_part_has_a_proof() -> None:
    """All hold at the start; each names its own part when it does not any more."""
    clock = ManualClock()
    house = Numbers(worked_ns=clock.now_ns(), sampled_ns=clock.now_ns())
    proofs = proofs_of(house, house, clock)  # type: ignore[arg-type]  # as far as they look
    assert list(proofs) == ["ledger", "stream", "samples", "alarms"]
    assert [proof() for proof in proofs.values()] == ["", "", "", ""]
    house.size, house.wrong = 5, "Its hash is another."
    proofs["stream"]()
    clock.advance(STILL_SECONDS_MAX + 1)
    said = {part: proof() for part, proof in proofs.items()}
    assert said["ledger"] == "Its newest entry cannot be proved. Its hash is another."
    assert said["stream"].startswith("No alarm saw entry 3 of 5 since 20")
    assert said["samples"].startswith("No metric was sampled since 20")
    assert said["alarms"].startswith("No alarm was evaluated since 20")


def test_an_empty_ledger_has_nothing_to_prove() -> None:
    """A first start beats at once."""
    assert answers(Numbers(size=0, wrong="never asked")) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "well"), [(0, True), (60, True), (61, False), (-5, True)])
def test_recent(seconds: int, well: bool) -> None:
    """Up to and with the limit; a clock that was set back harms nothing."""
    clock = ManualClock()
    at_ns = clock.now_ns() - seconds * 1_000_000_000
    assert (recent("Nothing", at_ns, clock) == "") is well


def test_being_behind_is_no_trouble_and_standing_still_is() -> None:
    """Who catches up for an hour works; who has not moved for a minute does not."""
    clock, house = ManualClock(), Numbers(size=100, position=0)
    proof = Follows(lambda: house.position, lambda: house.size, clock)
    for position in range(50):
        house.position = position
        assert proof() == ""
        clock.advance(STILL_SECONDS_MAX + 1)
    assert proof() != ""
    house.position = house.size
    assert proof() == ""
    clock.advance(3_600)
    assert proof() == ""
    house.size += 1
    assert proof() == ""  # it has only just come
