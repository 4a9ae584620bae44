"""The ledger's order out of partitions: nothing is missing, nothing twice, whatever comes when."""

from hypothesis import given
from hypothesis import strategies as st

from tallystick.stream.message import Message
from tallystick.stream.order import LedgerOrder
from tallystick.stream.stream import Batch


@st.composite
def partitioned(draw: st.DrawFn) -> list[Batch]:
    """Positions in some partitions, each in order with repeats, read in any pieces."""
    count = draw(st.integers(0, 40))
    parts: list[list[int]] = [[], [], []]
    for position in range(count):
        parts[draw(st.integers(0, 2))].append(position)
    batches: list[Batch] = []
    at = [0, 0, 0]
    for _ in range(200):
        left = [n for n in range(3) if at[n] < len(parts[n])]
        if not left:
            break
        part = draw(st.sampled_from(left))
        size = draw(st.integers(1, 5))
        start = max(0, at[part] - draw(st.integers(0, 2)))
        some = parts[part][start : at[part] + size]
        at[part] += size
        first = len(batches) * 100
        messages = [Message(n, b"%d" % n) for n in some]
        batches.append(Batch(str(part), messages, range(first, first + len(some))))
    return batches


@given(partitioned(), st.integers(0, 10), st.integers(1, 7))
def test_positions_come_out_one_after_the_other(
    batches: list[Batch], start: int, limit: int
) -> None:
    """From where it starts, each once; and no offset is told before all up to it was given."""
    order = LedgerOrder(start)
    given_out: list[int] = []
    told: dict[str, int] = {}
    for batch in batches:
        order.take(batch)
        while some := order.give(limit):
            assert len(some) <= limit
            given_out += [message.position for message in some]
            told |= order.dealt_with(order.next)
            for partition, offset in told.items():
                for one in batches:
                    if one.partition == partition:
                        pairs = zip(one.messages, one.offsets, strict=True)
                        assert all(m.position < order.next for m, o in pairs if o <= offset)
    every = sorted({message.position for batch in batches for message in batch.messages})
    assert given_out == [position for position in every if position >= start]
    assert order.held == 0


def test_what_was_given_from_elsewhere_is_not_given_again() -> None:
    """A gap that was filled from the ledger."""
    order = LedgerOrder(0)
    order.take(Batch("0", [Message(2, b"2"), Message(4, b"4")], [10, 11]))
    assert (order.first, order.held, order.give(9)) == (2, 2, [])
    order.skip([Message(0, b""), Message(1, b""), Message(2, b"2")])
    assert (order.next, order.first) == (3, 4)
    order.take(Batch("1", [Message(1, b"1"), Message(3, b"3")], [20, 21]))
    assert [message.position for message in order.give(9)] == [3, 4]
    assert order.dealt_with(4) == {"0": 10, "1": 21}
    assert order.dealt_with(5) == {"0": 11}


def test_what_was_given_too_early_is_given_again() -> None:
    """The ledger does not have it yet."""
    order = LedgerOrder(0)
    order.take(Batch("0", [Message(n, b"") for n in range(4)], range(4)))
    given_out = order.give(9)
    order.take_back(given_out[2:])
    assert order.next == 2
    assert [message.position for message in order.give(9)] == [2, 3]
    order.take_back([])
    assert order.next == 4
