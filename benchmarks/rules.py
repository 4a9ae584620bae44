"""Event rules against moto's matcher, in one run: events a second with 1, 100 and 1,000 rules.

    python benchmarks/rules.py [--json]

Both get the same decoded events and the same patterns, compiled beforehand, and must find the same
rules. moto holds an event against each rule in turn; ours looks it up (`stream.rules.index`). Then
what the stream pays: the gate, which turns away the bytes of entries that no shipped rule is about.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from moto.events.models import EventPattern

from tallystick.clock import SystemClock
from tallystick.stream import Message
from tallystick.stream.rules import Index, compile_pattern, entry_event, read_rules
from tallystick.stream.rules.gate import Gate
from tallystick.stream.rules.matching import Matching
from tallystick.stream.rules.outbox import Matched

RULES = (1, 100, 1_000)
EVENTS = 500
SECONDS = 1.0
"""How long each side is measured."""
PAIRS = ("EUR/USD", "GBP/USD", "USD/JPY", "EUR/GBP")
KINDS = ("order_decided", "order_filled", "order_expired", "margin_changed")


def entries(count: int, chance: random.Random) -> list[bytes]:
    """Orders of many accounts, as the ledger has them."""
    return [
        json.dumps(
            {
                "at": "2026-11-22T04:08:16.123456Z",
                "fills": [
                    {"amount": "1084.20", "id": f"F-{n}-1", "price": "1.08420", "quantity": "1000"}
                ],
                "kind": KINDS[n % len(KINDS)] if n % 5 == 0 else "order_decided",
                "order": {
                    "account": f"a{chance.randrange(1_000)}",
                    "client_order_id": f"t-{n}",
                    "id": f"O-{n}",
                    "pair": chance.choice(PAIRS),
                    "quantity": str(chance.choice((1_000, 50_000, 2_000_000, 25_000_000))),
                    "side": chance.choice(("buy", "sell")),
                    "state": "filled",
                    "type": "market",
                },
                "postings": [
                    {"account": "demo", "amount": "1000.00", "currency": "EUR"},
                    {"account": "house", "amount": "-1000.00", "currency": "EUR"},
                ],
                "v": 1,
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
        for n in range(count)
    ]


def pattern(number: int) -> dict[str, Any]:
    """The rules of many desks: by account, by pair and side, by prefix, by kind."""
    order: dict[str, Any] = {"account": [f"a{number}"]}
    if number % 10 == 1:
        order = {"account": [{"prefix": f"a{number}"}], "pair": [PAIRS[number % len(PAIRS)]]}
    if number % 10 == 2:
        order |= {"side": ["buy"], "state": [{"anything-but": "rejected"}]}
    return {"detail-type": ["Order Decided", "Order Filled"], "detail": {"order": order}}


def per_second(work: Callable[[Any], object], events: Sequence[Any]) -> float:
    """Events a second, for about `SECONDS`."""
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        work(events[done % len(events)])
        done += 1
    return done / spent


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    bodies = entries(EVENTS, random.Random(7))
    seen = [entry_event(n, body, "x") for n, body in enumerate(bodies)]
    events = [each.members for each in seen if each is not None]
    rows = []
    for count in RULES:
        patterns = {number: pattern(number) for number in range(count)}
        index = Index({number: compile_pattern(each) for number, each in patterns.items()})
        theirs = {n: EventPattern.load(json.dumps(each)) for n, each in patterns.items()}

        def moto(event: Any, theirs: dict[int, EventPattern] = theirs) -> list[int]:
            return [number for number, each in theirs.items() if each.matches_event(event)]

        for event in events[:25]:
            assert moto(event) == index.matching(event), event
        ours, other = per_second(index.matching, events), per_second(moto, events)
        rows.append({"rules": count, "ours": ours, "moto": other, "ratio": ours / other})
    shipped = read_rules(None)
    gate = Gate(rule.pattern for rule in shipped if rule.pattern is not None)
    small = [body for body in bodies if not gate.lets(body)]
    matching = Matching(shipped, "x", SystemClock())
    messages = [Message(n, body) for n, body in enumerate(bodies)]

    def both(batch: list[Message]) -> list[Matched]:
        return matching.entries(matching.worth_reading(batch))

    turned_away = len(small) / len(bodies)
    facts = {
        "matcher": rows,
        "gate_ns": 1e9 / per_second(gate.lets, small),
        "gate_turns_away": turned_away,
        "take_ns": 1e9 / per_second(both, [messages]) / len(messages),
    }
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    print(f"{'rules':>6} {'ours, events/s':>16} {'moto, events/s':>16} {'ratio':>8}")
    for row in rows:
        print(f"{row['rules']:6} {row['ours']:16,.0f} {row['moto']:16,.0f} {row['ratio']:8.1f}")
    print(f"gate, entry that no shipped rule is about: {facts['gate_ns']:.0f} ns")
    print(f"shipped rules, entries of which {1 - turned_away:.0%} are read:"
          f" {facts['take_ns']:.0f} ns an entry")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
