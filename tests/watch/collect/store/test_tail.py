"""The tail: many append at once and share one flush; who is refused does not hurt the others."""

import os
import threading
from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Overloaded, TemporaryError
from tallystick.watch.collect.store import tail as tail_module
from tallystick.watch.collect.store.tail import Tail


@pytest.fixture
def tail(tmp_path: Path) -> Tail:
    """An empty one."""
    return Tail(tmp_path, ManualClock(), 1)


def test_appends_that_wait_share_one_flush(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is flushed, nine others gather: the second flush is for all of them."""
    flushed = 0
    first_flush, go_on = threading.Event(), threading.Event()
    flush = os.fdatasync

    def slowly(descriptor: int) -> None:
        nonlocal flushed
        flushed += 1
        first_flush.set()
        assert go_on.wait(30)
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", slowly)
    firsts: list[tuple[int, bytes]] = []

    def append(number: int) -> None:
        block = b'{"n":%d}\n' % number
        firsts.append((tail.append(block * 3, 3), block[:-1]))

    threads = [threading.Thread(target=append, args=(number,)) for number in range(10)]
    threads[0].start()
    assert first_flush.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(tail._waiting) < 9:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert flushed == 2
    assert sorted(first for first, _ in firsts) == list(range(1, 31, 3))
    for first, line in firsts:
        assert tail.hot.read(first, 3) == [line] * 3
    tail.close()


def test_one_that_the_disk_refuses_does_not_hurt_the_others(
    tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written together and fails is tried one by one."""
    write = os.write

    def refuse_long(descriptor: int, data: memoryview) -> int:
        if b"long" in bytes(data):
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", refuse_long)
    tickets = [tail_module._Ticket(block, 1) for block in (b'"a"\n', b'"long"\n', b'"b"\n')]
    tail._waiting = list(tickets)
    tail._write_waiting()
    assert [ticket.first for ticket in tickets] == [1, 0, 2]
    assert isinstance(tickets[1].error, TemporaryError)
    assert tail.hot.read(1, 9) == [b'"a"', b'"b"']
    tail.close()


def test_too_much_that_waits_is_refused(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the disk is full of what nobody seals: first the pressure rises, then it is no."""
    monkeypatch.setattr(tail_module, "LOG_UNSEALED_BYTES_MAX", 8)
    tail.append(b"{}\n", 1)
    assert tail.pressure() == 3 / 8
    tail.append(b"{}\n{}\n", 2)
    assert tail.pressure() == 1
    with pytest.raises(Overloaded):
        tail.append(b"{}\n", 1)
    tail.close()


def test_a_full_segment_waits_and_another_grows(tail: Tail, tmp_path: Path) -> None:
    """Rolling an empty one changes nothing; opened again, the newest grows on."""
    tail.roll()
    assert tail.segments == (tail.hot,)
    tail.append(b"{}\n{}\n", 2)
    tail.roll()
    tail.append(b"{}\n", 1)
    assert [(each.first, each.end) for each in tail.segments] == [(1, 3), (3, 4)]
    tail.close()
    tail = Tail(tmp_path, ManualClock(), 1)
    assert [(each.first, each.end) for each in tail.segments] == [(1, 3), (3, 4)]
    tail.close()
    tail = Tail(tmp_path, ManualClock(), 3)
    assert [(each.first, each.end) for each in tail.segments] == [(3, 4)]
    assert tail.append(b"{}\n", 1) == 4
    tail.close()
