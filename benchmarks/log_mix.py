"""The shipped mix of log lines, seeded: four of our own API lines to one event from elsewhere.

Own lines look as `api.calls` writes them (about 320 bytes); the others as they come through HEC
from a gateway and a settlement job. `log_lines(size=500)` makes each line 500 bytes long.
"""

import random
from collections.abc import Iterator

from tallystick.clock import NS_PER_SECOND, rfc3339

START_NS = 1_795_305_600 * NS_PER_SECOND  # 2026-11-22T00:00:00Z
_ROUTES = (
    ("GET", "/v1/accounts/{id}"),
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/{id}"),
    ("GET", "/v1/prices"),
    ("GET", "/v1/trades"),
    ("POST", "/v1/accounts/{id}/funds"),
    ("POST", "/v1/orders/batch"),
    ("POST", "/v1/quotes"),
)
_STATUSES = (200,) * 90 + (404,) * 4 + (409,) * 3 + (429,) * 2 + (503,)
_ERRORS = {404: "NOT_FOUND", 409: "INSUFFICIENT_FUNDS", 429: "TOO_MANY", 503: "OVERLOADED"}
_STATES = ("filled",) * 8 + ("resting", "rejected")
_WORDS = [
    "settlement",
    "gateway",
    "received",
    "confirmed",
    "pending",
    "counterparty",
    "nostro",
    "retry",
    "delivered",
    "matched",
    "queue",
    "heartbeat",
    "session",
    "upstream",
    "latency",
    "budget",
    "exceeded",
    "timeout",
    "connection",
    "reset",
    "by",
    "peer",
    "netting",
    "instruction",
    "released",
    "booked",
    "reconciled",
    "limit",
    "headroom",
    "usage",
    "position",
    "quote",
    "spread",
]


def log_lines(
    count: int, *, seed: int = 1, start_ns: int = START_NS, seconds: float = 3600.0, size: int = 0
) -> Iterator[bytes]:
    """`count` lines spread evenly over `seconds` from `start_ns`, each at least `size` bytes."""
    chance = random.Random(seed)
    step_ns = seconds * NS_PER_SECOND / max(count, 1)
    for number in range(count):
        at = rfc3339(start_ns + int(number * step_ns))
        kind = chance.random()
        if kind < 0.6:
            line = _order(chance, at, number)
        elif kind < 0.8:
            line = _call(chance, at)
        elif kind < 0.9:
            line = _gateway(chance, at, number)
        else:
            line = _job(chance, at, number)
        yield (line if len(line) >= size else _padded(chance, line, size)).encode()


def log_blocks(lines: Iterator[bytes], each: int = 1_000) -> Iterator[list[bytes]]:
    """The lines in lists of `each`, as requests bring them."""
    block: list[bytes] = []
    for line in lines:
        block.append(line)
        if len(block) == each:
            yield block
            block = []
    if block:
        yield block


def _duration_us(chance: random.Random) -> int:
    return int(chance.lognormvariate(7.6, 0.7))


def _order(chance: random.Random, at: str, number: int) -> str:
    return (
        f'{{"timestamp":"{at}","duration_us":{_duration_us(chance)},'
        f'"account":"client-{int(chance.random() ** 2 * 400)}","order.id":"O-{number + 1}",'
        f'"order.state":"{_STATES[int(chance.random() * 10)]}","ledger.position":{number + 1},'
        '"http.request.method":"POST","http.route":"/v1/orders",'
        '"http.response.status_code":201,"severity_text":"INFO",'
        '"event_name":"api.request_answered","service.name":"tallystick"}'
    )


def _call(chance: random.Random, at: str) -> str:
    method, route = _ROUTES[int(chance.random() * len(_ROUTES))]
    status = _STATUSES[int(chance.random() * 100)]
    account = f"client-{int(chance.random() ** 2 * 400)}"
    path = route.replace("{id}", account)
    level = "ERROR" if status >= 500 else "INFO"
    error = f'"error.type":"{_ERRORS[status]}",' if status in _ERRORS else ""
    return (
        f'{{"http.request.method":"{method}","http.route":"{route}",'
        f'"http.response.status_code":{status},"duration_us":{_duration_us(chance)},'
        f'"url.path":"{path}",{error}"account":"{account}","timestamp":"{at}",'
        f'"severity_text":"{level}","event_name":"api.request_answered",'
        '"service.name":"tallystick"}'
    )


def _gateway(chance: random.Random, at: str, number: int) -> str:
    peer = f"10.{chance.getrandbits(2)}.{chance.getrandbits(5)}.{chance.getrandbits(8)}"
    status = _STATUSES[int(chance.random() * 100)]
    return (
        f'{{"timestamp":"{at}","severity_text":"INFO","host.name":"gw-{number % 4}",'
        '"com.splunk.index":"main","com.splunk.source":"gateway",'
        '"com.splunk.sourcetype":"fx:gateway","service.name":"gateway",'
        f'"client.address":"{peer}","url.path":"/quote/{chance.getrandbits(6)}",'
        f'"http.response.status_code":{status},"http.response.body.size":{chance.getrandbits(12)},'
        f'"duration_ms":{chance.random() * 80:.3f},"trace_id":"{chance.getrandbits(128):032x}"}}'
    )


def _job(chance: random.Random, at: str, number: int) -> str:
    words = " ".join(chance.choices(_WORDS, k=8))
    return (
        f'{{"timestamp":"{at}","severity_text":"INFO","host.name":"settle-{number % 2}",'
        '"com.splunk.index":"settlement","com.splunk.source":"job",'
        '"com.splunk.sourcetype":"fx:settlement","service.name":"settlement",'
        f'"body":"{words} {chance.getrandbits(20)}","attempt":{chance.getrandbits(2)},'
        f'"batch":{{"run":{number // 10_000},"dry":false}}}}'
    )


def _padded(chance: random.Random, line: str, size: int) -> str:
    """The line with one more member of words that makes it this long."""
    wanted = size - len(line) - len(',"note":""')
    words = " ".join(chance.choices(_WORDS, k=wanted // 5 + 2))
    return f'{line[:-1]},"note":"{words[: max(wanted, 0)]}"}}'
