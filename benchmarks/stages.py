"""Where each microsecond of an order goes: the product's own steps, each by itself and warm.

    python benchmarks/stages.py

The steps are the product's functions in the order in which an order meets them; the best of some
rounds is shown, the rest is the machine's noise. In the server the same steps cost more: their
memory is cold, and the relay, the projections, the detectors and the log share the interpreter.
"""

import asyncio
import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from orders_figures import Stage
from tallystick.api.order_answers import answer_of
from tallystick.clock import SystemClock, rfc3339
from tallystick.execution import (
    Book,
    OrderDecided,
    OrderRequest,
    Placed,
    PlaceOrder,
    Quote,
    QuoteBoard,
    encode,
    parse_request,
)
from tallystick.execution.decide import Market, case_of, decide, screen
from tallystick.execution.entries import AccountOpened, keys_of
from tallystick.execution.reach import reach_of
from tallystick.execution.rules import RULES, Case
from tallystick.ledger import Ledger, Sealable, Sealed
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, sign_checkpoint
from tallystick.money import Price
from tallystick.wiring.ledger import OpenLedger, open_parts
from tallystick.wiring.load import Plan, orders_of
from tallystick.wiring.settings import read_settings
from tallystick.wiring.single import DEMO_LIMITS, GC_GENERATION_0

ORDERS = 2_048
"""Orders a round."""
LEDGER_SIZE = 100_000
BATCH = 64
"""Orders a commit: what gathers with 64 connections."""
FILL_BATCH = 8_192
ROUNDS = 7
PAIR = "EUR/USD"


class Step(NamedTuple):
    """One step: its name, and what does it for all orders of a round."""

    name: str
    work: Callable[[], object]


class World:
    """Real parts, and the intermediate values that each step starts from."""

    def __init__(self, parts: OpenLedger) -> None:
        self.ledger: Ledger = parts.ledger
        self.signer = parts.ring.signers[0]
        self.key_id = VerifierKey.of(self.signer.name, self.signer.public_key).key_id
        self.at_ns = SystemClock().now_ns()
        board = QuoteBoard()
        board.update([Quote(PAIR, Price(108_240), Price(108_250), self.at_ns, "bench")])
        self.market = Market(board.get(PAIR), board.usd, board.rate)
        self.book = Book()
        self.book.apply(AccountOpened(rfc3339(self.at_ns), "demo", DEMO_LIMITS))
        self.book.cut()
        plan = Plan(url="http://127.0.0.1:1", token="", prefix="stages", pairs=(PAIR,))
        made = orders_of(plan)
        self.decoder = msgspec.json.Decoder(PlaceOrder)
        self.bodies = [made.body("market") for _ in range(ORDERS)]
        self.places = [self.decoder.decode(body) for body in self.bodies]
        self.requests = [parse_request(place) for place in self.places]
        self.cases = list(map(self.case, self.requests))
        self.decided = list(map(self.decide, self.requests))
        assert all(entry.rejection is None for entry in self.decided), "these orders are filled"
        self.entries = list(map(encode, self.decided))
        self.loop = asyncio.Runner()
        self._fill()
        self.placed = self.receipts(self.append())
        self.answers = list(map(self.answer, self.placed))

    def case(self, request: OrderRequest) -> Case:
        """What the rules are asked about."""
        account = self.book.account(request.account)
        reach = reach_of(request, account, is_child=False)
        return case_of(
            request, account, reach, at_ns=self.at_ns, market=self.market, book=self.book
        )

    def screen(self, request: OrderRequest) -> object:
        """All rules, with what they are asked about."""
        return screen(request, at_ns=self.at_ns, market=self.market, book=self.book)

    def decide(self, request: OrderRequest) -> OrderDecided:
        """The decision on the book as it stands."""
        return decide(
            request, None, position=self.book.size, at_ns=self.at_ns, market=self.market,
            book=self.book,
        )  # fmt: skip

    def fold(self) -> None:
        """Every decision onto the book, and off it again so that rounds are alike."""
        for entry in self.decided:
            self.book.apply(entry)
        self.book.rewind(self.book.cut())

    def head(self) -> str:
        """Root and signature of the tree as it stands."""
        size = self.ledger.size
        checkpoint = Checkpoint(self.signer.name, size, self.ledger.root(size))
        sign, name = self.signer.sign, self.signer.name
        return sign_checkpoint(checkpoint, name=name, key_id=self.key_id, sign=sign)

    def append(self) -> list[Sealed]:
        """All orders into the ledger, a batch a commit."""
        return self.loop.run(self._append(self.sealables()))

    def sealables(self) -> list[Sealable]:
        """The entries with their keys; those are made to differ, as a key is settled once."""
        mark = f" {self.ledger.size}"
        return [
            Sealable(entry, tuple(key + mark for key in keys_of(decided)))
            for entry, decided in zip(self.entries, self.decided, strict=True)
        ]

    def receipts(self, committed: list[Sealed]) -> list[Placed]:
        """Every order's receipt; a batch's proofs are made when the first of them is asked for."""
        return [
            Placed(self.decided[number], sealed.receipt(number % BATCH))
            for batch, sealed in enumerate(committed)
            for number in range(batch * BATCH, (batch + 1) * BATCH)
        ]

    def answer(self, placed: Placed) -> bytes:
        """The body of the 201."""
        return msgspec.json.encode(answer_of(placed))

    def close(self) -> None:
        """Let go of the event loop."""
        self.loop.close()

    def _fill(self) -> None:
        """A ledger of some size: proofs and trees are as deep as in life."""
        while self.ledger.size < LEDGER_SIZE:
            first = self.ledger.size
            batch = [Sealable(b"%d" % number) for number in range(first, first + FILL_BATCH)]
            self.loop.run(self.ledger.append(first, batch))

    async def _append(self, sealables: list[Sealable]) -> list[Sealed]:
        return [
            await self.ledger.append(self.ledger.size, sealables[at : at + BATCH])
            for at in range(0, len(sealables), BATCH)
        ]


def steps(world: World) -> tuple[Step, ...]:
    """The way of an order, in its order."""
    return (
        Step("decode the body", lambda: [world.decoder.decode(body) for body in world.bodies]),
        Step("parse: exact numbers, digest", lambda: list(map(parse_request, world.places))),
        Step("rules", lambda: list(map(world.screen, world.requests))),
        Step("decide", lambda: list(map(world.decide, world.requests))),
        Step("fold into the book (and back)", world.fold),
        Step("encode the entry", lambda: list(map(encode, world.decided))),
        Step("hash the leaf", lambda: [sha256(b"\0" + e).digest() for e in world.entries]),
        Step(
            f"root and signature, 1 in {BATCH}",
            lambda: [world.head() for _ in range(ORDERS // BATCH)],
        ),
        Step("idempotency key", world.sealables),
        Step("commit", world.append),
        Step("commit and receipts", lambda: world.receipts(world.append())),
        Step("encode the answer", lambda: list(map(world.answer, world.placed))),
    )


def measured(work: Path, say: Callable[[float], None]) -> dict[str, Any]:
    """The stages, and what they were measured on: the members of `Stages`."""
    with _world(work) as world:
        took = _best(steps(world), say)
        rules = _best(
            tuple(Step(name, _asking(rule, world.cases)) for name, rule in RULES.items()),
            lambda _share: None,
        )
        return {
            "batch": BATCH,
            "ledger_size": LEDGER_SIZE,
            "entry_bytes": len(world.entries[0]),
            "answer_bytes": len(world.answers[0]),
            "stages": _told(took),
            "rules": [Stage(name, round(us, 2)) for name, us in rules.items()],
        }


def _asking(rule: Callable[[Case], object], cases: list[Case]) -> Callable[[], object]:
    return lambda: [rule(case) for case in cases]


def _best(steps: tuple[Step, ...], say: Callable[[float], None]) -> dict[str, float]:
    """Microseconds of CPU an order, the best of the rounds."""
    best = {step.name: float("inf") for step in steps}
    for number in range(ROUNDS):
        say(number / ROUNDS)
        for step in steps:
            start = time.process_time_ns()
            step.work()
            took = (time.process_time_ns() - start) / 1e3 / ORDERS
            best[step.name] = min(best[step.name], took)
    return best


def _told(took: dict[str, float]) -> list[Stage]:
    """Steps that contain others, without those."""
    parts = dict(took)
    parts["decide: fill, value date, postings"] = parts.pop("decide") - parts["rules"]
    signed = f"root and signature, 1 in {BATCH}"
    parts["receipt"] = parts.pop("commit and receipts") - parts["commit"]
    commit = parts.pop("commit") - parts["hash the leaf"] - parts[signed] - parts["idempotency key"]
    parts["tree, SQLite rows, guard"] = commit
    order = (
        "decode the body", "parse: exact numbers, digest", "rules",
        "decide: fill, value date, postings", "fold into the book (and back)", "encode the entry",
        "idempotency key", "hash the leaf", signed, "tree, SQLite rows, guard", "receipt",
        "encode the answer",
    )  # fmt: skip
    return [Stage(name, round(max(0.0, parts[name]), 2)) for name in order]


@contextmanager
def _world(work: Path) -> Iterator[World]:
    """The parts on a ledger in a folder of this folder."""
    folder = Path(tempfile.mkdtemp(prefix="stages-", dir=work))
    named = {"TALLYSTICK_DATA": str(folder / "data"), "TALLYSTICK_ALERTS_TERMINAL": "false"}
    (folder / "data").mkdir()
    parts = open_parts(read_settings(named), SystemClock())
    world = World(parts)
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_GENERATION_0, 50, 50)
    try:
        yield world
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        world.close()
        parts.close()
        shutil.rmtree(folder)


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--folder", type=click.Path(path_type=Path), default=tempfile.gettempdir())
def main(folder: Path) -> None:
    """Prints the stages."""
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=1.0)
        found = measured(folder, lambda share: progress.update(task, completed=share))
    for name in ("stages", "rules"):
        for stage in found[name]:
            console.print(f"{stage.us:8.2f} µs  {stage.name}")
        console.print(f"{sum(stage.us for stage in found[name]):8.2f} µs  all {name}\n")


if __name__ == "__main__":
    main()
