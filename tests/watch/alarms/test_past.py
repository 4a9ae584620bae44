"""The past, from a real ledger and a real store of anomalies."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.watch.alarms import past
from tallystick.watch.alarms.past import HousePast, NoPast
from tallystick.watch.detect.found import Found
from tallystick.watch.detect.score import Anomaly

S = NS_PER_SECOND
START = 1_700_000_000 * S


def _entry(second: int) -> Sealable:
    body = {"at": rfc3339(START + second * S), "kind": "order_decided", "n": second}
    return Sealable(msgspec.json.encode(body))


def _anomaly(second: int, held: str | None = None) -> Anomaly:
    return Anomaly(
        id=f"an-{second}", detector="d", family="fraud", entity="e", p_value=1e-9,
        at=rfc3339(START + second * S), expected="", came="", sentence="", contributions=(),
        held=held,
    )  # fmt: skip


def test_a_range_of_entries_and_anomalies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the range, of too many the newest; what is held back is left out."""
    ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
    asyncio.run(_grow(ledger))
    found = Found(tmp_path / "a.db", ManualClock(START))
    found.add([_anomaly(n) for n in range(5)] + [_anomaly(7, "Held.")])
    house = HousePast(ledger, found)
    seen = [each.position for each in house.entries(START + 100 * S, START + 200 * S)]
    assert seen == list(range(100, 200))
    monkeypatch.setattr(past, "ENTRIES_MAX", 10)
    assert [e.position for e in house.entries(START, START + 50 * S)] == list(range(40, 50))
    odd = house.anomalies(START + S, START + 100 * S)
    assert {each.id for each in odd} == {f"an-{n}" for n in range(1, 5)}
    found.close()


def test_no_past() -> None:
    """Where there is nothing to look back on."""
    assert [*NoPast().entries(0, 1)] == [*NoPast().anomalies(0, 1)] == []


async def _grow(ledger: Ledger) -> None:
    await ledger.append(0, [_entry(n) for n in range(300)])
