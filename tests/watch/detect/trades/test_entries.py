"""The simulator's entries are the product's: execution reads each, and writes the same bytes."""

import random
from collections import Counter
from collections.abc import Iterator

import msgspec

from tallystick.execution import entries as product
from tallystick.stream.message import Message
from tallystick.watch.detect.trades.kinds import KINDS
from tallystick.watch.detect.trades.plan import Plan, weeks
from tallystick.watch.detect.trades.planting import staged
from tallystick.watch.detect.trades.simulator import Happening

KINDS_WRITTEN = {
    "account_opened", "funds_moved", "margin_changed", "order_cancelled", "order_decided",
    "order_expired", "order_filled",
}  # fmt: skip


def planted_weeks() -> Plan:
    """A fortnight with one of each kind."""
    return msgspec.structs.replace(weeks(days=14), kinds=tuple(KINDS), each=1, warm_up_hours=8 * 24)


def happenings(plan: Plan, seed: int) -> Iterator[Happening]:
    """Everything of this plan and seed."""
    return staged(plan, random.Random(seed)).happenings()  # noqa: S311  a simulation


def test_every_entry_is_read_by_the_product_and_written_again_to_the_same_bytes() -> None:
    """Byte for byte, for every kind of entry, planted ones included; positions have no hole."""
    found: Counter[str] = Counter()
    position = 0
    for one in happenings(planted_weeks(), 3):
        if isinstance(one, Message):
            entry = product.decode(one.body)
            assert product.encode(entry) == one.body
            found[msgspec.json.decode(one.body)["kind"]] += 1
            assert one.position == position
            position += 1

    assert set(found) == KINDS_WRITTEN
    assert found["order_decided"] > 10_000


def test_the_postings_of_every_entry_sum_to_zero() -> None:
    """Each currency of an entry balances, as the ledger demands of every entry."""
    for one in happenings(weeks(accounts=20, days=3), 5):
        if isinstance(one, Message):
            entry = product.decode(one.body)
            sums: Counter[str] = Counter()
            for posting in getattr(entry, "postings", ()):
                sums[posting.currency] += round(float(posting.amount) * 1_000)
            assert not any(sums.values())


def test_an_order_fills_at_the_quote_that_its_entry_names() -> None:
    """A market order's price is the side it takes; a waiting one is filled where it waited."""
    for one in happenings(weeks(accounts=20, days=3), 5):
        if not isinstance(one, Message):
            continue
        entry = product.decode(one.body)
        if isinstance(entry, product.OrderDecided) and entry.fills:
            assert entry.quote is not None
            taken = entry.quote.ask if entry.order.side == "buy" else entry.quote.bid
            assert entry.fills[0].price == taken
        elif isinstance(entry, product.OrderFilled):
            price, quote = float(entry.fills[0].price), entry.quote
            assert entry.fills[0].price == entry.order.price
            if entry.order.side == "buy":
                assert price >= float(quote.ask)
            else:
                assert price <= float(quote.bid)
