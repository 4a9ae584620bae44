"""What redaction costs: microseconds a line of six kinds, and ingest with it and without.

    python benchmarks/redaction.py [--rounds 5] [--lines 4000] [--folder DIR] [--json]

A line's cost is the best of the rounds, in batches of 1,000 lines as requests bring them, with keys
as the product has them. Ingest takes HEC bodies of 4,000 events of about 570 bytes, each with a
trace id and a client address, from four senders into a fresh store on disk: parsed, redacted and
durable. With and without redaction in turn; the ratio is the median of the rounds.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from log_mix import log_lines
from tallystick.clock import SystemClock
from tallystick.watch.collect.ingest import Ingest, parse_events
from tallystick.watch.collect.redact import Originals, Redactor
from tallystick.watch.collect.store import LogStore

OWN_LINES = Path(__file__).parents[1] / "tests/watch/collect/redact/own_lines.jsonl"
BATCH = 1_000
EVENTS = 4_000
"""In one body."""
BODIES = 10
SENDERS = 4
AIM_MICROSECONDS = 3.0
"""A line in which nothing is found."""
AIM_RATIO = 0.6

Redact = Callable[[list[bytes]], list[bytes]]


def kinds(count: int) -> dict[str, list[bytes]]:
    """Lines by what they are."""
    chance = random.Random(20261122)
    own = OWN_LINES.read_bytes().splitlines()
    foreign = [_gateway(chance, number) for number in range(count)]
    return {
        "own order lines": [line for line in log_lines(count * 2) if b"order.id" in line][:count],
        "own mixed lines": (own * (count // len(own) + 1))[:count],
        "nginx": [_nginx(chance, number) for number in range(count)],
        "HEC with trace ids": foreign,
        "1 finding in 100": [*map(_seldom, foreign, range(count))],
        "every line a finding": [*map(_signed, foreign, range(count))],
    }


def microseconds(redact: Redact, lines: list[bytes], rounds: int) -> float:
    """A line, the best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for first in range(0, len(lines), BATCH):
            redact(lines[first : first + BATCH])
        best = min(best, time.perf_counter() - start)
    return best / len(lines) * 1e6


def events_per_second(redact: Redact, bodies: list[bytes], folder: Path) -> float:
    """Of HEC events until all are durable."""
    clock = SystemClock()
    store = LogStore(folder, clock)
    ingest = Ingest(store, clock, redact)
    start = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        kept = senders.map(
            lambda body: ingest.take(parse_events(body, received_ns=0).batch).lines, bodies
        )
        events = sum(kept)
    taken = time.perf_counter() - start
    ingest.close()
    store.close()
    return events / taken


def race(redact: Redact, rounds: int, place: Path) -> dict[str, list[float]]:
    """Events a second of each round, without and with redaction."""
    rates: dict[str, list[float]] = {"without": [], "with": []}
    for number in range(rounds):
        bodies = [b"".join(_events(number * BODIES + n)) for n in range(BODIES)]
        sides: list[tuple[str, Redact]] = [("without", list), ("with", redact)]
        for name, side in sides if number % 2 else reversed(sides):
            with tempfile.TemporaryDirectory(dir=place) as folder:
                rates[name].append(events_per_second(side, bodies, Path(folder)))
    return rates


def measure(rounds: int, count: int, place: Path) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory(dir=place) as keys:
        originals = Originals(Path(keys), SystemClock())
        redact = Redactor(originals=originals).redact
        lines = {name: microseconds(redact, each, rounds) for name, each in kinds(count).items()}
        rates = race(redact, rounds, place)
        originals.close()
    ratios = [one / other for one, other in zip(rates["with"], rates["without"], strict=True)]
    return {
        "microseconds_a_line": {name: round(each, 2) for name, each in lines.items()},
        "events_per_second": {name: round(median(each)) for name, each in rates.items()},
        "ingest_ratio": round(median(ratios), 2),
        "ingest_ratios": [round(each, 2) for each in ratios],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=4_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.rounds, options.lines, options.folder)
    text = json.dumps(result, indent=2) if options.json else "\n".join(_told(result))
    sys.stdout.write(text + "\n")
    return 0


def _told(result: dict[str, object]) -> Iterator[str]:
    lines = result["microseconds_a_line"]
    assert isinstance(lines, dict)
    for name, each in lines.items():
        yield f"{name:22} {each:8.2f} µs a line"
    yield f"aim: an innocent line at most {AIM_MICROSECONDS} µs"
    yield f"events a second: {result['events_per_second']}"
    yield f"ingest with redaction / without: {result['ingest_ratio']} (aim {AIM_RATIO})"


def _gateway(chance: random.Random, number: int) -> bytes:
    """As an event of another system is stored."""
    return (
        f'{{"timestamp":"2026-11-22T04:08:16.{number % 10**6:06}Z","com.splunk.index":"main",'
        f'"host.name":"api-{number % 4}","severity_text":"INFO",{_call(chance, number)},'
        f'"span_id":"{chance.getrandbits(64):016x}",'
        f'"observed_ns":{1_795_305_600_000_000_000 + chance.randrange(10**12)},"env":"prod"}}'
    ).encode()


def _events(body: int) -> Iterator[bytes]:
    """As another system sends them."""
    chance = random.Random(body)
    for number in range(body * EVENTS, (body + 1) * EVENTS):
        yield (
            f'{{"time":{1_795_305_600 + number // 1000}.{number % 10**6:06},"host":"api-1",'
            f'"source":"gateway","sourcetype":"fx:api","index":"main",'
            f'"event":{{"severity_text":"INFO",{_call(chance, number)}}},'
            '"fields":{"env":"prod","tenant":"acme"}}'
        ).encode()


def _call(chance: random.Random, number: int) -> str:
    return (
        '"event_name":"api.request_answered","http.request.method":"POST",'
        '"http.route":"/v1/orders","http.response.status_code":201,'
        f'"duration_us":{number % 977},"account":"acme-{number % 50}","order.id":"O-{number}",'
        f'"client.address":"10.0.{number % 256}.{number % 251}",'
        '"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",'
        f'"trace_id":"{chance.getrandbits(128):032x}"'
    )


def _nginx(chance: random.Random, number: int) -> bytes:
    return (
        f'{{"timestamp":"2026-11-22T04:08:{number % 60:02}.{number % 1000:03}Z",'
        f'"remote_addr":"203.0.{number % 256}.{number % 251}","remote_user":"-",'
        f'"request":"GET /api/v2/quotes/{number}?pair=EURUSD HTTP/1.1","status":200,'
        f'"body_bytes_sent":{chance.randrange(10**6)},"request_time":{chance.random():.3f},'
        '"http_referer":"https://desk.example.com/","http_user_agent":"Mozilla/5.0 (Macintosh; '
        "Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 "
        f'Safari/537.36","request_id":"{chance.getrandbits(128):032x}",'
        f'"msec":"{1_795_305_600 + number}.{number % 1000:03}"}}'
    ).encode()


def _signed(line: bytes, number: int) -> bytes:
    """The line with a finding."""
    return line[:-1] + b',"note":"asked by jane%d@example.com, please"}' % number


def _seldom(line: bytes, number: int) -> bytes:
    return line if number % 100 else _signed(line, number)


if __name__ == "__main__":
    raise SystemExit(main())
