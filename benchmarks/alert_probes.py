"""What must be told, one trouble at a time, and how long it took until it was on the wire.

Four ways lead from an entry to a person. Each probe has an account of its own, so that it is an
incident of its own and must be told at once:

    rule       an order that the shipped event rule `large-trade` is about
    switch     a stop of trading in one account: the shipped event rule `kill-switch`, critical
    alarm      an order that an event alarm of the operator's is about
    detector   an order 400 times as large as its account's others: an anomaly
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec

from alert_receiver import Message, Receiver
from moments import Moments
from targets import Target

WAYS = ("rule", "switch", "alarm", "detector")
USUAL_ORDERS = 60
USUAL, ODD = 20_000, 8_000_000
LARGE, WATCHED = 12_000_000, 7_654_321
LIMITS = {
    "order_quantity_max": "50000000", "position_usd_max": "1000000000000.00",
    "collar_bps": 500, "duplicate_window_ms": 1, "duplicates_max": 1_000,
}  # fmt: skip
SECRET = "what both sides of the benchmark know"  # noqa: S105  nobody else is told anything
SECRET_VARIABLE = "BENCH_ALERT_SECRET"  # noqa: S105  its name
LATE_SECONDS_MAX = 20.0
"""How long the last probes are waited for."""
PREPARE_SECONDS_MAX = 300.0
"""How long the detectors may take to begin (the first start compiles them) and to catch up."""
LOOK_SECONDS = 0.05
ALARM = "bench-order"
ALARM_TEXT = f"""\
description = "An order that somebody wants to know of"
severity = "critical"
statistic = "count"
comparison = ">="
threshold = 1
missing = "notBreaching"

[source]
type = "events"
by = ["$.account"]
pattern = '{{"detail-type": ["Order Decided"], "detail": {{"order": {{"quantity": [{{"numeric": ["=", {WATCHED}]}}]}}}}}}'
"""  # noqa: E501  a pattern is one line
ALERTING_TEXT = """\
[targets.hook]
type = "webhook"
url = "http://127.0.0.1:{http}/alerts"
secret = {{env = "{secret}"}}

[targets.mail]
type = "email"
host = "127.0.0.1"
port = {smtp}
tls = "none"
sender = "tallystick@bench.example"
to = "desk@bench.example"

[storm]
incidents = 10000
"""


class Probe(msgspec.Struct, frozen=True):
    """Something that must be told: the account that it is about, and when it was asked for."""

    way: str
    account: str
    asked_ns: int
    answered_ns: int


class Told(msgspec.Struct, frozen=True):
    """A probe that was told: milliseconds from its entry's commit on, step by step.

    `waited`: until an alert was being raised; `raised`: until that was durable; `sent`: until its
    request was on the wire. `total`: all three. `letter`: from the commit until its mail was there.
    """

    way: str
    waited: float
    raised: float
    sent: float
    total: float
    letter: float | None


def settings(folder: Path, receiver: Receiver) -> dict[str, str]:
    """The environment of a server that tells `receiver`; the files that it names are written."""
    alarms = folder / "alarms"
    alarms.mkdir(parents=True)
    (alarms / f"{ALARM}.toml").write_text(ALARM_TEXT)
    ports = {"http": receiver.http_port, "smtp": receiver.smtp_port}
    text = ALERTING_TEXT.format(secret=SECRET_VARIABLE, **ports)
    (folder / "alerting.toml").write_text(text)
    return {
        "TALLYSTICK_ALERTING": str(folder / "alerting.toml"),
        "TALLYSTICK_ALARMS": str(alarms),
        SECRET_VARIABLE: SECRET,
    }


def account_of(way: str, number: int) -> str:
    """Whose trouble it is."""
    return f"{way}-{number:03}"


class Prober:
    """Places what must be told, on a server of which it is the only such client."""

    def __init__(self, target: Target, ways: tuple[str, ...], count: int) -> None:
        self._ways, self._count = ways, count
        headers = {"Authorization": f"Bearer {target.token}"}
        self._client = httpx.Client(base_url=target.url, headers=headers, timeout=30)

    def prepare(self) -> None:
        """Open the accounts; those of the detector's have usual orders, which it has seen."""
        for way in self._ways:
            for number in range(self._count):
                account = account_of(way, number)
                self._post("/v1/accounts", {"account": account, "limits": LIMITS})
                if way == "detector":
                    usual = [
                        _order(account, each, USUAL + 200 * (each % 7))
                        for each in range(USUAL_ORDERS)
                    ]
                    self._post("/v1/orders/batch", {"orders": usual})
        deadline = time.monotonic() + PREPARE_SECONDS_MAX
        while self._behind():
            assert time.monotonic() < deadline, "the detectors do not catch up"
            time.sleep(LOOK_SECONDS)

    def place(self, per_second: float, chance: random.Random) -> Iterator[Probe]:
        """Every probe, at moments that nobody can foresee (a Poisson process)."""
        for number in range(self._count):
            for way in self._ways:
                time.sleep(chance.expovariate(per_second))
                account = account_of(way, number)
                asked_ns = time.monotonic_ns()
                self._place(way, account)
                yield Probe(way, account, asked_ns, time.monotonic_ns())

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _place(self, way: str, account: str) -> None:
        if way == "switch":
            stop = {"scope": "account", "id": account, "state": "halted", "reason": "A probe."}
            self._post("/v1/trading-state", stop)
            return
        quantity = {"rule": LARGE, "alarm": WATCHED, "detector": ODD}[way]
        answer = self._post("/v1/orders", _order(account, USUAL_ORDERS, quantity))
        assert b'"state":"filled"' in answer, answer

    def _post(self, path: str, body: object) -> bytes:
        return self._client.post(path, json=body).raise_for_status().content

    def _behind(self) -> float:
        """Entries that the detectors have not seen."""
        for line in self._client.get("/metrics").raise_for_status().text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == "tallystick_detect_lag_entries":
                return float(value)
        return 1.0


def await_all(receiver: Receiver, probes: list[Probe]) -> None:
    """Until all of them are told, or it has taken too long."""
    deadline = time.monotonic() + LATE_SECONDS_MAX
    wanted = {(probe.way, probe.account) for probe in probes}
    while time.monotonic() < deadline:
        found = {way_of(message) for _, message in receiver.messages()}
        if wanted <= found:
            return
        time.sleep(LOOK_SECONDS)


def way_of(message: Message) -> tuple[str, str] | None:
    """The way by which a message came, and its account; None: it is of no probe."""
    if not message.alerts:
        return None
    alert = message.alerts[0]
    account = alert.labels.get("account", "")
    if alert.source == "rules":
        ways = {"large-trade": "rule", "kill-switch": "switch"}
        way = ways.get(alert.labels.get("rule", ""), "")
    elif alert.source == "alarms":
        way = "alarm" if alert.labels.get("alarm") == ALARM else ""
    else:
        way = "detector"
    return (way, account) if account.startswith(f"{way}-") else None


def told(probes: list[Probe], receiver: Receiver, moments: Moments) -> tuple[list[Told], list[str]]:
    """What became of each probe, and the accounts of those that nobody was told of."""
    letters = receiver.letters()
    raised = {each.id: each for each in moments.raised[::-1]}
    first: dict[tuple[str, str], tuple[int, Message]] = {}
    placed_ns = {(probe.way, probe.account): probe.asked_ns for probe in probes}
    for at_ns, message in receiver.messages():
        which = way_of(message)
        if which is not None and at_ns > placed_ns.get(which, at_ns):
            first.setdefault(which, (at_ns, message))
    found: list[Told] = []
    missing: list[str] = []
    for probe in probes:
        known = first.get((probe.way, probe.account))
        if known is None:
            missing.append(probe.account)
            continue
        at_ns, message = known
        alert = message.alerts[0]
        assert alert.position is not None, alert
        durable_ns, one = moments.durable_ns(alert.position), raised[alert.id]
        assert probe.asked_ns < durable_ns < probe.answered_ns, (probe, durable_ns)
        letter_ns = letters.get(message.incident)
        found.append(
            Told(
                probe.way,
                _ms(one.began_ns - durable_ns),
                _ms(one.ended_ns - one.began_ns),
                _ms(at_ns - one.ended_ns),
                _ms(at_ns - durable_ns),
                None if letter_ns is None else _ms(letter_ns - durable_ns),
            )
        )
    return found, missing


def _order(account: str, number: int, quantity: int) -> dict[str, str]:
    return {
        "account": account, "pair": "EUR/USD", "side": "buy" if number % 2 else "sell",
        "quantity": str(quantity), "type": "market", "client_order_id": f"{account}-{number}",
    }  # fmt: skip


def _ms(ns: int) -> float:
    return round(ns / 1e6, 3)
