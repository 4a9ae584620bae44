"""What each step of an order costs in CPU, without server and disk: microseconds an order.

    python benchmarks/micro.py

The steps are the product's own functions, in the order in which an order meets them, on a ledger
of 100,000 entries. The best of some rounds is shown: the rest is the machine's noise.
"""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from load import Plan, order_bodies
from tallystick.api.orders import OrderAnswer
from tallystick.clock import SystemClock, rfc3339
from tallystick.execution import (
    Book,
    LimitsText,
    OrderDecided,
    OrderRequest,
    PlaceOrder,
    Quote,
    QuoteBoard,
    encode,
    parse_request,
)
from tallystick.execution.decide import decide
from tallystick.execution.entries import AccountOpened
from tallystick.keys import FileKeyring
from tallystick.ledger import Receipt
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, sign_checkpoint
from tallystick.ledger.tree import Tree
from tallystick.money import Price

ORDERS = 2_000
"""Orders a round."""
LEDGER_SIZE = 100_000
BATCH = 32
"""Orders a commit: about what gathers with 64 connections. Head and signature are shared by it."""
LIMITS = LimitsText(
    order_quantity_max="10000000",
    position_usd_max="1000000000.00",
    collar_bps=100,
    duplicate_window_ms=1_000,
    duplicates_max=5,
)


class Step(NamedTuple):
    """One step: its name, and what does it for all orders of a round."""

    name: str
    work: Callable[[], object]


class World:
    """Real parts, and the intermediate values that each step starts from."""

    def __init__(self) -> None:
        self.at_ns = SystemClock().now_ns()
        self.board = QuoteBoard()
        self.board.update([Quote("EUR/USD", Price(108_240), Price(108_250), self.at_ns, "bench")])
        self.book = Book()
        self.book.apply(AccountOpened(rfc3339(self.at_ns), "demo", LIMITS))
        self.book.cut()
        self.signer = FileKeyring("tallystick.bench/ledger", bytes(32))
        self.key_id = VerifierKey.of(self.signer.name, self.signer.public_key).key_id
        self.tree = Tree(0, [], _no_tile)
        for number in range(LEDGER_SIZE):
            self.tree.append(sha256(number.to_bytes(8)).digest())
        plan = Plan(url="http://127.0.0.1:1", token="", pairs=("EUR/USD",))
        self.decoder = msgspec.json.Decoder(PlaceOrder)
        self.bodies = list(order_bodies(plan, ORDERS))
        self.places = [self.decoder.decode(body) for body in self.bodies]
        self.requests = [parse_request(place) for place in self.places]
        self.decided = [self.decide(request) for request in self.requests]
        assert all(entry.rejection is None for entry in self.decided), "these orders are filled"
        self.entries = [encode(entry) for entry in self.decided]
        self.leaves = [sha256(b"\x00" + entry).digest() for entry in self.entries]
        self.proof = self.tree.inclusion_proof(LEDGER_SIZE - 1, LEDGER_SIZE)
        self.note = self.head()
        self.encoder = msgspec.json.Encoder()

    def decide(self, request: OrderRequest) -> OrderDecided:
        """The decision on the book as it stands."""
        return decide(
            request,
            None,
            position=self.book.size,
            at_ns=self.at_ns,
            quote=self.board.get(request.pair.symbol),
            book=self.book,
            usd=self.board.usd,
        )

    def fold(self) -> None:
        """Every decision onto the book, and off it again so that rounds are alike."""
        for entry in self.decided:
            self.book.apply(entry)
        self.book.rewind(self.book.cut())

    def head(self) -> str:
        """Root and signature of the tree as it stands."""
        checkpoint = Checkpoint(self.signer.name, self.tree.size, self.tree.root())
        sign, name = self.signer.sign, self.signer.name
        return sign_checkpoint(checkpoint, name=name, key_id=self.key_id, sign=sign)

    def prove(self) -> None:
        """The proofs of the tree's last entries, a batch at a time."""
        size = self.tree.size
        for first in range(size - ORDERS, size, BATCH):
            self.tree.inclusion_proofs(range(first, min(first + BATCH, size)), size)

    def answer(self, entry: OrderDecided, data: bytes, leaf: bytes) -> bytes:
        """The body of the 201."""
        receipt = Receipt(self.book.size, data, leaf.hex(), self.proof, self.note)
        return self.encoder.encode(
            OrderAnswer(entry.order, entry.fills, entry.rejection, receipt),
        )

    def steps(self) -> Sequence[Step]:
        """The way of an order, in its order."""
        answers = zip(self.decided, self.entries, self.leaves, strict=True)
        ready = list(answers)
        return (
            Step("decode the body", lambda: [self.decoder.decode(body) for body in self.bodies]),
            Step("parse: exact numbers, digest", lambda: list(map(parse_request, self.places))),
            Step("decide: rules, fill, value date", lambda: list(map(self.decide, self.requests))),
            Step("fold into the book (and back)", self.fold),
            Step("encode the entry", lambda: list(map(encode, self.decided))),
            Step("hash the leaf", lambda: [sha256(b"\x00" + e).digest() for e in self.entries]),
            Step("append to the tree", lambda: list(map(self.tree.append, self.leaves))),
            Step(
                f"root and signature, 1 in {BATCH}",
                lambda: [self.head() for _ in range(ORDERS // BATCH)],
            ),
            Step("inclusion proof", self.prove),
            Step("encode the answer", lambda: [self.answer(*one) for one in ready]),
        )


def _no_tile(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} is in memory")


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1, 1_000))
def main(rounds: int) -> None:
    """Prints the table."""
    console = Console()
    world = World()
    best = {step.name: float("inf") for step in world.steps()}
    for _ in track(range(rounds), "measuring", console=console, transient=True):
        for step in world.steps():
            start = time.process_time_ns()
            step.work()
            took = (time.process_time_ns() - start) / 1e3 / ORDERS
            best[step.name] = min(best[step.name], took)
    total = sum(best.values())
    table = Table("step", box=SIMPLE, title="CPU of one order", title_justify="left")
    table.add_column("µs", justify="right")
    table.add_column("share", justify="right")
    for name, took in best.items():
        table.add_row(name, f"{took:.1f}", f"{took / total:.0%}")
    table.add_row("all", f"{total:.1f}", f"{1e6 / total:,.0f}/s")
    console.print(table)


if __name__ == "__main__":
    main()
