"""How many events a second the detectors look at, those of orders also beside a peer and a ceiling.

    python benchmarks/detect_events.py [--events 200000] [--accounts 2000] [--batch 512] [--json]

One seeded flow of orders goes through, in one process and on one core: the product's `OrderWatch`
with its twelve detectors, from observations and from entry bytes; a peer that keeps features as
they are usually written, one event at a time in plain Python (running means and variances, counts
in deques, sets of what was seen, for each account), nine scores each ranked among the last 2,048 of
all accounts, as one threshold for all needs; and as the ceiling one compiled loop that does no more
than fade one count an account. Figures are events per CPU second,
each the median of three runs; the warm-up (compiling, first touch of memory) is not counted.

The whole watcher, every detector that is shipped, takes two streams of `tallystick detect bench
trades` (orders, calls, quotes and log lines as they come, read from their bytes), and `OrderWatch`
alone the same ones. The figures go to the README.
"""

import argparse
import json
import math
import random
import time
from bisect import bisect_left, insort
from collections import defaultdict, deque
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import block
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.detectors import build
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.orders.watch import OrderWatch
from tallystick.watch.detect.trades.bench import BenchPlan, streams
from tallystick.watch.detect.trades.planting import staged
from tallystick.watch.detect.trades.watching import BATCH, Watched, watch
from tallystick.watch.detect.watcher import Watcher

RESULTS = Path(__file__).resolve().parent / "results" / "detect_events.json"
PAIRS = {"EUR/USD": 1.08, "USD/JPY": 150.0, "GBP/USD": 1.27, "AUD/USD": 0.65}
ROWS = {
    "whole watcher": "the whole watcher, reading included",
    "whole watcher, orders only": "the detectors of orders alone, on the same streams",
    "from observations": "the detectors of orders, of orders alone",
    "from entry bytes": "the same, reading included",
    "reading entries alone": "reading alone",
    "peer, plain Python": "a peer of nine scores in plain Python, of orders alone",
    "ceiling, one compiled count": "ceiling: one compiled count",
}
"""What the README tells."""
AIM_EVENTS = 50_000
WARM_UP_EVENTS = 50_000
RUNS = 3
START = 1_790_000_000.0


def main() -> int:
    """Measure, print, write the results."""
    options = _options()
    entries = flow(options.events, options.accounts)
    orders = [order for n, entry in enumerate(entries) if (order := entry_seen(n, entry))]
    batches = [orders[n : n + options.batch] for n in range(0, len(orders), options.batch)]
    figures = {
        "events": len(orders),
        "accounts": options.accounts,
        "batch": options.batch,
        "from observations": rate(lambda: ours(batches), len(orders)),
        "from entry bytes": rate(lambda: from_bytes(entries, options.batch), len(orders)),
        "reading entries alone": rate(lambda: reading(entries), len(orders)),
        "peer, plain Python": rate(lambda: peer(orders), len(orders)),
        "ceiling, one compiled count": rate(lambda: ceiling(batches), len(orders)),
    }
    figures |= whole()
    figures["times the peer"] = round(
        figures["from observations"] / figures["peer, plain Python"], 2
    )
    if not options.dry:
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
        block.put("event", told(figures))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:32} {figure:>14,}")
    return 0


def told(figures: dict[str, Any]) -> str:
    """The figures for the README."""
    every = figures["whole watcher"]
    reached = "reached" if every >= AIM_EVENTS else "NOT reached"
    aim = f"aim >= {AIM_EVENTS:,}: {reached}"
    rows = "\n".join(f"| {text} | {figures[name]:,} |" for name, text in ROWS.items())
    return f"""- **the whole watcher: {every:,} events per CPU second, {aim}**

| | events per CPU second |
| --- | ---: |
{rows}

The streams: a simulated day and some weeks of orders, calls, quotes and log lines, in batches of
{BATCH}. "Of orders alone": {figures["events"]:,} orders of {figures["accounts"]:,} accounts, in
batches of {figures["batch"]}."""


def whole() -> dict[str, int]:
    """Events per CPU second of a day and some weeks: every detector, and those of orders alone."""
    found = [stream for stream in streams(BenchPlan(instances=0)) if not stream.plan.each]
    chosen = list({stream.plan.scale: stream for stream in found}.values())
    seen: dict[str, list[Watched]] = {"whole watcher": [], "whole watcher, orders only": []}
    for warm, stream in [(True, chosen[0]), *((False, each) for each in chosen)]:
        for name, detectors in (
            ("whole watcher", build()),
            ("whole watcher, orders only", [OrderWatch()]),
        ):
            simulator = staged(stream.plan, random.Random(stream.seed))
            came = simulator.happenings()
            some = islice(came, WARM_UP_EVENTS) if warm else came
            result = watch(some, (), Watcher(detectors), time.process_time)
            if not warm:
                seen[name].append(result)
    return {
        name: round(sum(one.events for one in each) / sum(one.cpu_seconds for one in each))
        for name, each in seen.items()
    }


def flow(events: int, accounts: int) -> list[bytes]:
    """Entry bytes of orders: log-normal sizes, a third are limits that wait and are cancelled."""
    chance = random.Random(7)
    now, prices, waiting = START, dict(PAIRS), deque[dict[str, Any]]()
    entries = []
    for position in range(events):
        now += chance.expovariate(20.0)
        at = rfc3339(round(now * NS_PER_SECOND))
        if waiting and chance.random() < 0.25:
            entry = {"at": at, "by": "", "code": "CLIENT_REQUEST", "kind": "order_cancelled"}
            entry["order"] = waiting.popleft() | {"state": "cancelled"}
        else:
            entry = _decided(chance, position, at, int(accounts * chance.random() ** 2), prices)
            if entry["order"]["state"] == "new":
                waiting.append(entry["order"])
        entries.append(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    return entries


def _decided(
    chance: random.Random, position: int, at: str, account: int, prices: dict[str, float]
) -> dict[str, Any]:
    pair = chance.choice(sorted(prices))
    prices[pair] *= math.exp(chance.gauss(0, 1e-5))
    mid, limited = prices[pair], chance.random() < 0.33
    quantity = f"{math.exp(chance.gauss(12 + account % 4, 0.6)):.2f}"
    order = {
        "account": f"account-{account}", "client_order_id": f"c-{position}", "id": f"O-{position}",
        "pair": pair, "price": f"{mid * 0.999:.5f}" if limited else None, "quantity": quantity,
        "side": chance.choice(("buy", "sell")), "state": "new" if limited else "filled",
        "time_in_force": "GTC" if limited else "FOK", "type": "limit" if limited else "market",
    }  # fmt: skip
    fill = {"amount": "1.00", "id": "F", "price": f"{mid:.5f}", "quantity": quantity}
    return {
        "at": at, "fills": [] if limited else [fill], "kind": "order_decided", "order": order,
        "quote": {"ask": f"{mid * 1.00005:.5f}", "at": at, "bid": f"{mid:.5f}", "source": "b"},
        "postings": [], "rejection": None, "request": "0" * 64, "v": 1,
    }  # fmt: skip


def rate(run: Any, events: int) -> int:
    """Events per CPU second: the median of RUNS, after one that warms up."""
    run()
    seconds = []
    for _ in range(RUNS):
        before = time.process_time()
        run()
        seconds.append(time.process_time() - before)
    return round(events / median(seconds))


def ours(batches: list[list[OrderSeen]]) -> None:
    """The product's detectors, in micro-batches."""
    watch = OrderWatch()
    for batch in batches:
        watch.observe(batch)


def from_bytes(entries: list[bytes], size: int) -> None:
    """The same, from the bytes on the ledger."""
    watch = OrderWatch()
    for start in range(0, len(entries), size):
        read = [entry_seen(start + n, body) for n, body in enumerate(entries[start : start + size])]
        watch.observe([order for order in read if order is not None])


def reading(entries: list[bytes]) -> None:
    """Entry bytes to observations, and nothing else."""
    for position, body in enumerate(entries):
        entry_seen(position, body)


class Ranked:
    """The rank of a score among the last 2,048 of everybody: what makes it a p-value."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque()
        self.ordered: list[float] = []

    def update(self, score: float) -> float:
        """The share of scores that are at least as large; then it is learnt."""
        below = bisect_left(self.ordered, score)
        p_value = (len(self.ordered) - below + 1) / (len(self.ordered) + 1)
        if len(self.recent) >= 2_048:
            del self.ordered[bisect_left(self.ordered, self.recent.popleft())]
        self.recent.append(score)
        insort(self.ordered, score)
        return p_value


class Running:
    """Mean and variance of a stream, one value at a time (Welford 1962)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def update(self, value: float) -> float:
        """How many deviations off the value is; then it is learnt."""
        spread = math.sqrt(self.squares / self.count) if self.count > 1 else 0.0
        score = (value - self.mean) / spread if spread else 0.0
        self.count += 1
        change = value - self.mean
        self.mean += change / self.count
        self.squares += change * (value - self.mean)
        return score


class Peer:
    """One account's features as they are usually written; fewer than the product's."""

    def __init__(self) -> None:
        self.sizes: dict[str, Running] = defaultdict(Running)
        self.distances, self.gaps, self.rates = Running(), Running(), Running()
        self.hours = [0] * 168
        self.pairs: set[str] = set()
        self.recent: deque[float] = deque(maxlen=1_000)
        self.rejected, self.cancelled, self.exposure = Running(), Running(), Running()
        self.last = 0.0
        self.position = 0.0


def peer(orders: list[OrderSeen]) -> int:
    """Every event through them; how many look odd."""
    accounts: dict[str, Peer] = defaultdict(Peer)
    ranks = [Ranked() for _ in range(9)]
    odd = 0
    for order in orders:
        known, at = accounts[order.account], order.at_seconds
        scores = [known.cancelled.update(float(order.event == "cancelled"))]
        if order.event == "decided":
            scores.append(known.sizes[order.pair].update(math.log(order.quantity)))
            price = order.limit_price or order.fill_price
            if price and order.mid:
                scores.append(known.distances.update(abs(price / order.mid - 1)))
            scores.append(known.gaps.update(math.log1p(max(at - known.last, 0.0))))
            known.last = at
            recent = known.recent
            recent.append(at)
            while recent[0] < at - 60:
                recent.popleft()
            scores.append(known.rates.update(math.sqrt(len(recent))))
            known.hours[int(at // 3_600) % 168] += 1
            known.pairs.add(order.pair)
            scores.append(known.rejected.update(float(order.state == "rejected")))
        known.position += order.filled if order.side == "buy" else -order.filled
        scores.append(known.exposure.update(abs(known.position)))
        odd += min(rank.update(score) for rank, score in zip(ranks, scores, strict=False)) < 1e-3
    return odd


@compiled
def fade(slots: Any, at: Any, last: Any, counts: Any) -> None:
    """One faded count an account."""
    for row in range(slots.shape[0]):
        slot = slots[row]
        counts[slot] = counts[slot] * math.exp(last[slot] - at[row]) + 1
        last[slot] = at[row]


def ceiling(batches: list[list[OrderSeen]]) -> None:
    """What reading two members of each order, naming its slot and one exponential cost."""
    names: dict[str, int] = {}
    last, counts = np.zeros(100_000), np.zeros(100_000)
    for batch in batches:
        slots = np.array([names.setdefault(order.account, len(names)) for order in batch])
        fade(slots, np.array([order.at_seconds for order in batch]), last, counts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dry", action="store_true", help="write no results")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
