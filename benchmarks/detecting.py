"""What detection costs an order, and how long it takes to tell an odd one, under full load.

    python benchmarks/detecting.py [--rounds 5] [--seconds 4] [--probes 60] [--folder DIR] [--dry]

Two servers take the same load in turn: the product with detection, and one without it
(TALLYSTICK_DETECTION=off), first where server, detection and load share all cores, then with
detection on a core of its own and server and load on another. Then, under full load on the first,
accounts whose orders were ordinary so far place one that is 400 times as large: from its answer
until the API tells the anomaly.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec

import block
import measure
import targets
from orders_race import CONNECTIONS, Server
from tallystick.wiring.load import Plan
from targets import HERE, Target

RESULTS = HERE / "results" / "detecting.json"
AIM_RATIO = 0.97
AIM_DELAY_SECONDS = 0.5
USUAL_ORDERS = 60
USUAL, ODD = 100_000, 40_000_000
LIMITS = {
    "order_quantity_max": "50000000", "position_usd_max": "1000000000000.00",
    "collar_bps": 500, "duplicate_window_ms": 1, "duplicates_max": 1_000,
}  # fmt: skip
LOOK_SECONDS = 0.01
LATE_SECONDS_MAX = 20.0


def main() -> int:
    """Measure, print, write the results."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as text:
        folder = Path(text)
        off = {"TALLYSTICK_DETECTION": "off"}
        with (
            targets.product("detecting", folder / "on") as watched,
            targets.product("not detecting", folder / "off", environment=off) as blind,
        ):
            ratios, rates = race(watched, blind, options.rounds, options.seconds)
            with apart([watched, blind]):
                alone, _ = race(watched, blind, options.rounds, options.seconds)
            delays = _delays(watched, options.probes)
        machine = measure.machine(folder)
    result = {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": msgspec.to_builtins(machine),
        "orders_per_second": rates,
        "ratios": ratios,
        "ratios_apart": alone,
        "told_seconds": delays,
    }
    told = _markdown(result)
    print(told)
    if not options.dry:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")
        block.put("detecting", told)
    return 0


def race(
    one: Target, other: Target, rounds: int, seconds: float
) -> tuple[list[float], dict[str, list[float]]]:
    """one/other of each round, and the orders a second that they are made of."""
    servers = [Server(one), Server(other)]
    for server in servers:
        server.go(0, 2.0, _say)
    rates: dict[str, list[float]] = {one.name: [], other.name: []}
    for number in range(1, rounds + 1):
        for server in servers if number % 2 else reversed(servers):
            rates[server.name].append(server.go(number, seconds, _say).orders_per_second)
    pairs = zip(rates[one.name], rates[other.name], strict=True)
    return [round(first / second, 4) for first, second in pairs], rates


@contextmanager
def full_load(target: Target, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Orders as fast as they are taken, from a process of its own, which is awaited at the end."""
    plan = Plan(
        url=target.url, token=target.token, prefix="flood", account=target.account,
        connections=CONNECTIONS, seconds=seconds,
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, str(HERE / "load_process.py")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    ) as load:  # fmt: skip
        assert load.stdin is not None
        load.stdin.write(msgspec.json.encode(plan))
        load.stdin.close()
        time.sleep(1.0)
        yield load
        load.terminate()


@contextmanager
def apart(servers: list[Target]) -> Iterator[None]:
    """Servers and load on one core, detection on another; all on all of them afterwards."""
    everywhere = os.sched_getaffinity(0)
    first, second = sorted(everywhere)[:2]
    for server in servers:
        _put(server.pid, {first})
        for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
            _put(int(child), {second})
    os.sched_setaffinity(0, {first})  # what it starts inherits it
    try:
        yield
    finally:
        for server in servers:
            _put(server.pid, everywhere)
        os.sched_setaffinity(0, everywhere)


def _put(pid: int, cores: set[int]) -> None:
    """A process with all its threads on these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def _delays(target: Target, probes: int) -> list[float]:
    """Seconds from the answer to an odd order until its anomaly is told."""
    headers = {"Authorization": f"Bearer {target.token}"}
    delays: list[float] = []
    with httpx.Client(base_url=target.url, headers=headers, timeout=30) as client:
        for number in range(probes):
            account = f"probe-{number:03}"
            client.post("/v1/accounts", json={"account": account, "limits": LIMITS})
            for order in range(USUAL_ORDERS):
                _place(client, account, order, USUAL + 1_000 * (order % 7))
        with full_load(target, 2.0 + probes * 0.5) as load:
            for number in range(probes):
                if load.poll() is not None:
                    break
                account = f"probe-{number:03}"
                _place(client, account, USUAL_ORDERS, ODD)
                answered = time.monotonic()
                asked = {"account": account, "detector": "order_size", "limit": "1"}
                while time.monotonic() < answered + LATE_SECONDS_MAX:
                    found = client.get("/v1/anomalies", params=asked).raise_for_status().json()
                    if found["anomalies"]:
                        break
                    time.sleep(LOOK_SECONDS)
                delays.append(round(time.monotonic() - answered, 4))
    return sorted(delays)


def _place(client: httpx.Client, account: str, number: int, quantity: int) -> None:
    order = {
        "account": account, "pair": "EUR/USD", "side": "buy" if number % 2 else "sell",
        "quantity": str(quantity), "type": "market", "client_order_id": f"{account}-{number}",
    }  # fmt: skip
    answer = client.post("/v1/orders", json=order).raise_for_status().json()
    assert answer["order"]["state"] == "filled", answer


def _markdown(result: dict[str, Any]) -> str:
    ratios, rates, delays = result["ratios"], result["orders_per_second"], result["told_seconds"]
    p50, p99 = median(delays), delays[min(len(delays) - 1, round(len(delays) * 0.99))]
    quick = "reached" if p99 < AIM_DELAY_SECONDS else "NOT reached"
    machine = result["machine"]
    medians = " and ".join(f"{median(each):,.0f}" for each in rates.values())
    where = ", ".join(str(machine[each]) for each in ("cpu", "system", "python", "filesystem"))
    lines = [
        _ratio("all cores shared with it", ratios),
        _ratio("detection on a core of its own", result["ratios_apart"]),
        (
            "- **from an odd order's answer until the API tells the anomaly, under full load:"
            f" p50 {p50:.3f} s, p99 {p99:.3f} s of {len(delays)} orders,"
            f" aim < {AIM_DELAY_SECONDS:g} s: {quick}**"
        ),
        "",
        (
            f"{medians} orders/s with and without, medians of {len(ratios)} rounds, {CONNECTIONS}"
            f" connections. {result['at']}; {where}; fsync on."
        ),
    ]
    return "\n".join(lines) + "\n"


def _ratio(where: str, ratios: list[float]) -> str:
    met = "reached" if median(ratios) >= AIM_RATIO else "NOT reached"
    spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    return (
        f"- **orders/s, with detection / without, {where} = {spread}, aim >= {AIM_RATIO}: {met}**"
    )


def _say(_what: str, _share: float) -> None:
    """No bar: the whole takes two minutes."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--probes", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=None, help="where data is kept meanwhile")
    parser.add_argument("--dry", action="store_true", help="do not write the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
