"""The sections of `make bench-orders`: who is raced against whom, on what."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import msgspec

import orders_seed
import postgres
import targets
from orders_figures import Aim, Round
from orders_race import Contender, Journal, Say, Server, race
from targets import Target

BATCH = 1_000
BATCH_CONNECTIONS = 4
"""Of batches of 1,000: two keep the server busy, and eight would fill its queue."""
ENTRIES = 200
"""Different entries that the bare journal takes."""
ORDER = {
    "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "250000",
    "type": "market", "time_in_force": "FOK",
}  # fmt: skip

SQLITE_AIMS = [
    Aim("single", "parse", "orders_per_second", 0.5),
    Aim("single", "parse", "latency_ms_p99", 3.0, at_least=False),
    Aim("single", "naive", "orders_per_second", 40.0),
    Aim("single", "tuned", "orders_per_second", 12.0),
    Aim("batch", "naive", "orders_per_second", 250.0),
    Aim("batch", "journal", "orders_per_second", 0.3),
]
POSTGRES_AIMS = [
    Aim("single", "noop", "orders_per_second", 0.2),
    Aim("batch", "journal", "orders_per_second", 0.4),
]
FLAT_AIMS = [
    Aim("accounts", "small", "orders_per_second", 0.75),
    Aim("book", "small", "orders_per_second", 0.75),
]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured, and where."""

    rounds: int
    seconds: float
    only: tuple[str, ...]
    pin: bool
    accounts: int
    resting: int
    entries: int


Found = tuple[list[Round], list[str]]
"""The rounds, and what else is to be said of them."""


def sqlite(options: Options, work: Path, say: Say) -> Found:
    """The product on SQLite against its own ceilings, the peers and the bare journal."""
    with ExitStack() as stack:
        single = stack.enter_context(targets.product("single", work / "data", pin=options.pin))
        found = _product(options, single, work, None, stack)
        for name in ("naive", "tuned"):
            if _wanted(options, name):
                peer = stack.enter_context(targets.peer(name, work, pin=options.pin))
                found.append(Server(peer, pin=options.pin))
        return race(found, options.rounds, options.seconds, say), []


def on_postgres(options: Options, work: Path, say: Say) -> Found:
    """The product on PostgreSQL against a handler that does nothing, and a bare COPY.

    Raises:
        PostgresMissingError: there is none.
    """
    with ExitStack() as stack:
        server, pid = stack.enter_context(postgres.server_dsn(work))
        ours, bare = (stack.enter_context(postgres.database(server)) for _ in range(2))
        product = targets.product(
            "single", work / "data", pin=options.pin,
            environment={"TALLYSTICK_LEDGER": ours}, database_pid=pid,
        )  # fmt: skip
        found = _product(options, stack.enter_context(product), work, bare, stack)
        return race(found, options.rounds, options.seconds, say), []


def flat(options: Options, work: Path, say: Say) -> Found:
    """Three products: a small one, one with many accounts, one with many resting orders."""
    folders: dict[str, Callable[[Path], None]] = {
        "small": lambda _data: None,
        "accounts": lambda data: orders_seed.accounts(data, options.accounts, say),
        "book": lambda data: orders_seed.orders(data, "resting", options.resting, say),
    }
    with ExitStack() as stack:
        found: list[Contender] = []
        notes = [f"{options.accounts:,} accounts; {options.resting:,} resting orders."]
        for name, seed in folders.items():
            if not _wanted(options, name):
                continue
            seed(work / name)
            say(f"{name}: starting", 1.0)
            target = stack.enter_context(targets.product(name, work / name, pin=options.pin))
            if name == "book":
                took = target.started_seconds
                notes.append(f"With the resting orders the product started in {took:.1f} s.")
            if name == "accounts":
                target = msgspec.structs.replace(
                    target, account=orders_seed.ACCOUNT, accounts=options.accounts
                )
            found.append(Server(target, pin=options.pin))
        return race(found, options.rounds, options.seconds, say), notes


def start(options: Options, work: Path, say: Say) -> list[float]:
    """Seconds from a new process to its first answer, on a large ledger with a snapshot."""
    orders_seed.orders(work / "data", "filled", options.entries, say)
    found = []
    for number in range(options.rounds):
        say("start", number / options.rounds)
        with targets.product("start", work / "data", pin=options.pin) as target:
            found.append(round(target.started_seconds, 3))
    return found


def in_server(options: Options, work: Path, say: Say) -> tuple[float, float]:
    """CPU of a request that is only answered, and of an order, in the running server."""
    with targets.product("single", work / "data", pin=options.pin) as single:
        ours = Server(single, pin=options.pin)
        noop = msgspec.structs.replace(single, name="noop", path="/bench/noop")
        rounds = race([ours, _ceiling(noop, ours, options)], 1, options.seconds, say)
    took = {one.name: one.server_cpu_us for one in rounds}
    return took["noop"], took["single"]


def _product(
    options: Options, single: Target, work: Path, dsn: str | None, stack: ExitStack
) -> list[Contender]:
    """The wanted ways to put load on a product, and the bare journal of its entries."""
    ours = Server(single, pin=options.pin)
    replace = msgspec.structs.replace
    ways = {
        "single": ours,
        "parse": _ceiling(replace(single, name="parse", path="/bench/parse"), ours, options),
        "noop": _ceiling(replace(single, name="noop", path="/bench/noop"), ours, options),
        "batch": Server(
            replace(single, name="batch", batch=BATCH, connections=BATCH_CONNECTIONS),
            pin=options.pin,
        ),
    }
    found: list[Contender] = [way for name, way in ways.items() if _wanted(options, name)]
    if _wanted(options, "journal"):
        journal = Journal("journal", work / "journal", dsn, _entries(single), BATCH)
        stack.callback(journal.close)
        found.append(journal)
    return found


def _ceiling(target: Target, like: Server, options: Options) -> Server:
    return Server(target, pin=options.pin, sized_like=like)


def _entries(target: Target) -> list[bytes]:
    """Real entries of filled orders, as the product wrote them."""
    found = []
    headers = {"Authorization": f"Bearer {target.token}"}
    with httpx.Client(base_url=target.url, headers=headers, timeout=30) as http:
        for number in range(ENTRIES):
            name = f"bench-form-{number:014}"
            body = ORDER | {"client_order_id": name, "account": target.account}
            answer = http.post("/v1/orders", json=body).raise_for_status()
            found.append(b64decode(answer.json()["receipt"]["entry"]))
    return found


def _wanted(options: Options, name: str) -> bool:
    return not options.only or name in options.only
