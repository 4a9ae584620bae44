"""What watching costs and how long it takes: orders with everything attached, and with nothing.

    python benchmarks/attached.py [--rounds 3] [--seconds 4] [--folder DIR] [--dry]

Two servers take the same load in turn: the product as it is (log lines redacted, kept and
searchable; stream, event rules, detectors, projections, live page), and the product without anybody
who watches. The ratio is what the write path pays. Then, under full load on the first, orders of
our own are followed: from the answer until a search finds the order's log line, and until the
detectors have seen its entry.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec

import block
import measure
import targets
from detecting import full_load, race
from orders_race import CONNECTIONS
from targets import HERE, Target

RESULTS = HERE / "results" / "attached.json"
AIM_RATIO = 0.95
AIM_DELAY_SECONDS = 1.0
PROBES_MAX = 200
LOOK_SECONDS = 0.02
"""Between two looks for an order that is not there yet."""
LATE_SECONDS_MAX = 30.0


def main() -> int:
    """Measure, print, write the results."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as text:
        folder = Path(text)
        with (
            targets.product("attached", folder / "attached") as attached,
            targets.product(
                "detached", folder / "detached", environment={"BENCH_DETACHED": "1"}
            ) as detached,
        ):
            ratios, rates = race(attached, detached, options.rounds, options.seconds)
            searched, detected = _delays(attached, options.seconds * options.rounds)
        machine = measure.machine(folder)
    result = {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": msgspec.to_builtins(machine),
        "orders_per_second": rates,
        "ratios": ratios,
        "searchable_seconds": searched,
        "detected_seconds": detected,
    }
    told = _markdown(result)
    print(told)
    if not options.dry:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")
        block.put("attached", told)
    return 0


def _delays(target: Target, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds from the answer to an order until it is found, and until it is scored."""
    searched: list[float] = []
    detected: list[float] = []
    with full_load(target, seconds) as load:
        probes = [
            threading.Thread(target=_probe, args=(target, load, _is_searchable, searched)),
            threading.Thread(target=_probe, args=(target, load, _is_scored, detected)),
        ]
        for probe in probes:
            probe.start()
        for probe in probes:
            probe.join()
    return sorted(searched), sorted(detected)


def _probe(target: Target, load: subprocess.Popen[bytes], is_there, delays: list[float]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    headers = {"Authorization": f"Bearer {target.token}"}
    with httpx.Client(base_url=target.url, headers=headers, timeout=30) as client:
        while load.poll() is None and len(delays) < PROBES_MAX:
            order = {
                "account": target.account, "pair": "EUR/USD", "side": "buy",
                "quantity": "1000", "type": "market",
                "client_order_id": f"probe-{is_there.__name__}-{len(delays)}",
            }  # fmt: skip
            placed = client.post("/v1/orders", json=order).raise_for_status().json()
            answered = time.monotonic()
            while not is_there(client, placed) and time.monotonic() < answered + LATE_SECONDS_MAX:
                time.sleep(LOOK_SECONDS)
            delays.append(round(time.monotonic() - answered, 4))


def _is_searchable(client: httpx.Client, placed: dict[str, dict[str, str]]) -> bool:
    """Whether a search finds the order's log line."""
    query = {"q": f"order.id={placed['order']['id']}", "earliest": "-1m", "limit": "1"}
    return bool(client.get("/v1/logs", params=query).raise_for_status().json()["logs"])


def _is_scored(client: httpx.Client, placed: dict[str, dict[str, str]]) -> bool:
    """Whether the detectors have seen the order's entry."""
    found = {}
    for line in client.get("/metrics").raise_for_status().text.splitlines():
        name, _, value = line.rpartition(" ")
        found[name] = value
    size = float(found["tallystick_ledger_entries_total"])
    position = size - float(found["tallystick_detect_lag_entries"])
    return position > int(placed["order"]["id"].removeprefix("O-"))


def _markdown(result: dict[str, Any]) -> str:
    ratios, rates = result["ratios"], result["orders_per_second"]
    met = "reached" if median(ratios) >= AIM_RATIO else "NOT reached"
    spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    what = "orders/s, everything attached / nothing attached"
    lines = [f"- **{what} = {spread}, aim >= {AIM_RATIO}: {met}**"]
    for name, what in (
        ("searchable_seconds", "searchable"),
        ("detected_seconds", "seen by the detectors"),
    ):
        delays = result[name]
        p50, p99 = median(delays), delays[min(len(delays) - 1, round(len(delays) * 0.99))]
        met = "reached" if p99 < AIM_DELAY_SECONDS else "NOT reached"
        lines.append(
            f"- **from an order's answer until it is {what}, under full load: p50 {p50:.3f} s,"
            f" p99 {p99:.3f} s of {len(delays)} orders, aim < {AIM_DELAY_SECONDS:g} s: {met}**"
        )
    machine = result["machine"]
    medians = " and ".join(f"{median(rates[each]):,.0f}" for each in ("attached", "detached"))
    where = ", ".join(str(machine[each]) for each in ("cpu", "system", "python", "filesystem"))
    load = f"{len(ratios)} rounds, {CONNECTIONS} connections"
    lines += ["", f"{medians} orders/s, medians of {load}. {result['at']}; {where}; fsync on."]
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, default=None, help="where data is kept meanwhile")
    parser.add_argument("--dry", action="store_true", help="do not write the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
