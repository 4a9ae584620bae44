"""How soon the right person knows: from an entry's commit to the channel's request on the wire.

    python benchmarks/alerting.py [--only SECTION] [--probes 100] [--per-second 3] [--dry]

Sections: `embedded` (everything in one process, under as many orders as it takes), `idle` (the same
without other orders), `cluster` (PostgreSQL and Kafka, under load), `default` (no alerting file,
under load), `raising` (what one alert costs until it is durable) and `cost` (what alerting costs an
order). The clock starts when the ledger has told that the entry is durable, before anybody is
answered, and stops with the first byte of the webhook's request; a mail counts when all of it is
there. Every probe must be told: one that is not makes the figure void.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

import alert_probes
import block
import broker
import measure
import moments
import postgres
import targets
from alert_probes import WAYS, Prober, Told
from alert_receiver import Receiver, receiving
from detecting import full_load
from orders_race import CONNECTIONS, Server, race
from server import MOMENTS, UNALERTED
from tallystick.clock import SystemClock, rfc3339
from tallystick.watch.notify import Alert, IncidentStore, Notifier, fingerprint
from tallystick.watch.notify.config import Alerting, StormText
from targets import HERE, Target

RESULTS = HERE / "results" / "alerting.json"
AIMS_SECONDS = {"embedded": 1.0, "idle": 1.0, "default": 1.0, "cluster": 5.0}
SEED = 7
IDLE_PROBES_MAX = 50
"""Of each way: among few orders, many odd ones are soon what is usual."""
DEFAULT_PROBES = 18
"""Of one way: twenty incidents of a route in a minute are a storm, and one speaks for them."""
LOAD_SPARE_SECONDS = 600.0
"""How much longer than planned the load may go on; it is ended when the probes are done."""
RAISES = 2_000
STAGES = ("waited", "raised", "sent", "total", "letter")

Section = Callable[[Path, argparse.Namespace], dict[str, Any]]


def main() -> int:
    """Measure, print, write the results."""
    options = _options()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.only or SECTIONS:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as text:
            folder = Path(text)
            folder.chmod(0o755)  # PostgreSQL's user must be able to pass
            load_before = round(os.getloadavg()[0], 2)
            found = SECTIONS[name](folder, options)
            kept[name] = {
                "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                "load_before": load_before,
                "machine": msgspec.to_builtins(measure.machine(folder)),
                "disk": msgspec.to_builtins(measure.probe_disk(folder)),
                **found,
            }
        if not options.dry:  # each section by itself: a later one may fail
            RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    text = _markdown(kept)
    print(text)
    if not options.dry:
        block.put("alerting", text)
    return 0


def _embedded(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    return _told(folder, options, {}, WAYS, options.probes, loaded=True)


def _idle(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    probes = min(options.probes, IDLE_PROBES_MAX)
    return _told(folder, options, {}, WAYS, probes, loaded=False)


def _cluster(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        server, database_pid = stack.enter_context(postgres.server_dsn(folder))
        dsn = stack.enter_context(postgres.database(server))
        kafka = stack.enter_context(broker.servers(folder / "kafka"))
        where = {"TALLYSTICK_LEDGER": dsn, "TALLYSTICK_STREAM": f"kafka://{kafka}/bench"}
        found = _told(folder, options, where, WAYS, options.probes, loaded=True)
    return {"parts": ["PostgreSQL", "Kafka"], "own_database": database_pid is not None, **found}


def _default(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    count = min(options.probes, DEFAULT_PROBES)
    return _told(folder, options, {}, ("switch",), count, loaded=True, configured=False)


def _told(
    folder: Path, options: argparse.Namespace, where: dict[str, str], ways: tuple[str, ...],
    count: int, *, loaded: bool, configured: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """One server, its receiver, and all that must be told."""
    noted = folder / "moments.json"
    with receiving() as receiver:
        environment = {**where, **_telling(folder, receiver, configured), MOMENTS: str(noted)}
        with targets.product("alerting", folder / "data", environment=environment) as target:
            prober = Prober(target, ways, count)
            prober.prepare()
            with _load(target, loaded):
                probes = list(prober.place(options.per_second, random.Random(SEED)))
            alert_probes.await_all(receiver, probes)
            prober.close()
        noticed = moments.read(noted)
        told, missing = alert_probes.told(probes, receiver, noticed)
        others = len(receiver.messages()) - len(told)
    rate = noticed.entries_per_second(probes[0].asked_ns, probes[-1].answered_ns)
    return {
        "connections": CONNECTIONS if loaded else 0,
        "entries_per_second": rate,
        "probes_per_second": options.per_second,
        "probes": len(probes),
        "missing": missing,
        "other_messages": others,
        "milliseconds": {
            way: _figures([each for each in told if each.way in names])
            for way, names in (("all", ways), *((way, (way,)) for way in ways))
        },
    }


def _telling(folder: Path, receiver: Receiver, configured: bool) -> dict[str, str]:
    if configured:
        return alert_probes.settings(folder, receiver)
    return {
        "TALLYSTICK_WEBHOOK_URL": f"http://127.0.0.1:{receiver.http_port}/alerts",
        "TALLYSTICK_WEBHOOK_SECRET": alert_probes.SECRET,
    }


@contextmanager
def _load(target: Target, loaded: bool) -> Iterator[None]:
    """As many orders as the server takes, if it is to be loaded."""
    with full_load(target, LOAD_SPARE_SECONDS) if loaded else nullcontext() as load:
        yield
        assert load is None or load.poll() is None, "the load has ended before the probes"


def _figures(told: Sequence[Told]) -> dict[str, dict[str, float]]:
    """Of each step, what half and 99 of 100 took at most, and the slowest."""
    found: dict[str, dict[str, float]] = {}
    for stage in STAGES:
        values = [getattr(each, stage) for each in told]
        known = sorted(value for value in values if value is not None)
        if known:
            found[stage] = {"p50": median(known), "p99": _p99(known), "max": known[-1]}
    return found


def _p99(known: Sequence[float]) -> float:
    """Nearest rank."""
    return known[max(0, -(-99 * len(known) // 100) - 1)]


class _Nobody:
    """Delivers nothing."""

    def start(self) -> None:
        """Nothing."""

    def wake(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


def _raising(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What `raise_alert` takes until the alert, its incident and its messages are durable."""
    count = min(RAISES, options.probes * 10)
    clock = SystemClock()
    store = IncidentStore(folder / "notify.db")
    hooks = {"hook": {"type": "webhook"}, "mail": {"type": "email"}}
    alerting = Alerting(targets=hooks, storm=StormText(incidents=10_000))
    notifier = Notifier(store, _Nobody(), alerting, clock)
    took: dict[str, list[float]] = {"a new incident": [], "one more alert of an incident": []}
    for number in range(count):
        for what, account in zip(took, (f"a-{number}", "one"), strict=True):
            labels = {"rule": "large-trade", "account": account}
            alert = Alert(
                f"{what}-{number}", fingerprint(labels), "critical", "A sentence that is read.",
                "rules", rfc3339(clock.now_ns()), labels, number, f"O-{number}",
            )  # fmt: skip
            began_ns = time.perf_counter_ns()
            notifier.raise_alert(alert)
            took[what].append((time.perf_counter_ns() - began_ns) / 1e6)
    store.close()
    return {
        "alerts": count,
        "milliseconds": {
            what: {"p50": round(median(each), 3), "p99": round(_p99(sorted(each)), 3)}
            for what, each in took.items()
        },
    }


def _cost(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Orders a second with alarms, rules and channels, against the same product without."""
    with receiving() as receiver:
        environment = _telling(folder, receiver, configured=True)
        with (
            targets.product("alerting", folder / "with", environment=environment) as told,
            targets.product(
                "without", folder / "without", environment={UNALERTED: "1"}
            ) as untold,
        ):  # fmt: skip
            servers = [Server(told), Server(untold)]
            rounds = race(servers, options.rounds, options.seconds, lambda _what, _share: None)
    ours, theirs = ([each for each in rounds if each.name == server.name] for server in servers)
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "ratios": [
            round(one.orders_per_second / other.orders_per_second, 4) for one, other in pairs
        ],
        "cpu_ratios": [round(one.server_cpu_us / other.server_cpu_us, 4) for one, other in pairs],
        "orders_per_second": {
            each[0].name: [one.orders_per_second for one in each] for each in (ours, theirs)
        },
        "cpu_us": {each[0].name: [one.server_cpu_us for one in each] for each in (ours, theirs)},
    }


SECTIONS: dict[str, Section] = {
    "embedded": _embedded,
    "idle": _idle,
    "cluster": _cluster,
    "default": _default,
    "raising": _raising,
    "cost": _cost,
}
SAID = {
    "embedded": "with the embedded parts, under full order load",
    "idle": "with the embedded parts, without other orders",
    "cluster": "on the cluster (Kafka and PostgreSQL), under full order load",
    "default": "without an alerting file, a kill switch, under full order load",
}


def _markdown(results: dict[str, Any]) -> str:
    lines = [_aim(name, results[name]) for name in SAID if name in results]
    if "raising" in results:
        lines.append(_raising_line(results["raising"]))
    if "cost" in results:
        lines.append(_cost_line(results["cost"]))
    lines += [
        "",
        "| ms, p50 / p99 | until raised | raised, durable | to the wire | all three | a mail |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in SAID:
        if name in results:
            ways = results[name]["milliseconds"]
            lines += [_row(name, way, ways[way]) for way in ways if way != "all"]
    lines += ["", *(_under(name, results[name]) for name in SAID if name in results)]
    return "\n".join(lines) + "\n"


def _aim(name: str, result: dict[str, Any]) -> str:
    total, aim = result["milliseconds"]["all"]["total"], AIMS_SECONDS[name]
    good = not result["missing"] and total["p99"] < aim * 1_000
    untold = f", {len(result['missing'])} NEVER TOLD" if result["missing"] else ""
    return (
        f"- **from commit to the request on the wire, {SAID[name]}: p50"
        f" {total['p50'] / 1_000:.3f} s, p99 {total['p99'] / 1_000:.3f} s, slowest"
        f" {total['max'] / 1_000:.3f} s of {result['probes']:,}{untold}, aim p99 < {aim:g} s:"
        f" {'reached' if good else 'NOT reached'}**"
    )


def _raising_line(result: dict[str, Any]) -> str:
    disk = result["disk"]
    said = "; ".join(
        f"{what} p50 {each['p50']:.2f} ms, p99 {each['p99']:.2f} ms"
        for what, each in result["milliseconds"].items()
    )
    ratio = result["milliseconds"]["a new incident"]["p50"] / disk["fdatasync_ms_p50"]
    return (
        f"- one alert until it is durable: {said} (`fdatasync` of 4 KiB"
        f" {disk['fdatasync_ms_p50']} ms, p99 {disk['fdatasync_ms_p99']}; {ratio:.0f} times that)"
    )


def _cost_line(result: dict[str, Any]) -> str:
    rates, cpu = result["orders_per_second"], result["cpu_us"]
    medians = " and ".join(f"{median(each):,.0f}" for each in rates.values())
    micros = " and ".join(f"{median(each):.0f}" for each in cpu.values())
    return (
        f"- with alarms, event rules and two targets / without any: orders/s ="
        f" {_spread(result['ratios'])}, {medians} orders/s; CPU of an order ="
        f" {_spread(result['cpu_ratios'])}, {micros} µs; medians of {len(result['ratios'])} rounds,"
        f" load {result['load_before']} before"
    )


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


def _row(name: str, way: str, stages: dict[str, dict[str, float]]) -> str:
    cells = [
        f"{stages[stage]['p50']:,.1f} / {stages[stage]['p99']:,.1f}" if stage in stages else ""
        for stage in STAGES
    ]
    return f"| {name}: {way} | {' | '.join(cells)} |"


def _under(name: str, result: dict[str, Any]) -> str:
    machine = result["machine"]
    where = ", ".join(str(machine[each]) for each in ("cpu", "system", "python", "filesystem"))
    return (
        f"`{name}`: {result['entries_per_second']:,.0f} entries/s meanwhile,"
        f" {result['connections']} connections; {result['probes']:,} probes, Poisson,"
        f" {result['probes_per_second']:g} a second; {result['other_messages']} other messages."
        f" {result['at']}, load {result['load_before']} before; {where}, {machine['cores']} cores;"
        f" fsync on, `fdatasync` {result['disk']['fdatasync_ms_p50']} ms.  "
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be given again")
    parser.add_argument("--probes", type=int, default=100, help="of each way, at most 500")
    parser.add_argument("--per-second", type=float, default=3.0, help="probes placed a second")
    parser.add_argument("--rounds", type=int, default=5, help="of `cost`")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round of `cost`")
    parser.add_argument("--folder", type=Path, default=None, help="where data is kept meanwhile")
    parser.add_argument("--dry", action="store_true", help="do not write the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
