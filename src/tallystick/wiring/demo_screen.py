"""What the demo shows: one screen while it runs, a summary at its end."""

from collections import Counter, deque

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tallystick.clock import NS_PER_SECOND
from tallystick.wiring.flow import PlannedOrder
from tallystick.wiring.single import Single

LINES_SHOWN = 6
RATE_SECONDS = 2.0
"""Window of the orders/s that is shown."""
PLANTED_AND_SEEN = {
    "fat finger": "order_size",
    "off-market price": "off_market",
    "burst": "order_rate",
    "reject storm": "reject_streak",
}
"""Which detector should see each planted anomaly."""


class _Order(msgspec.Struct):
    id: str
    state: str


class _Answer(msgspec.Struct):
    order: _Order


class Summary(msgspec.Struct, frozen=True):
    """The demo in figures; `planted` maps each kind to whether its detector saw it."""

    prices: str
    orders: int
    orders_per_second: float
    filled: int
    resting: int
    rejected: int
    refused: int
    entries: int
    anomalies: int
    alerts: int
    planted: dict[str, bool]
    verify: str


class DemoState:
    """Counts of the demo; owned by its event loop."""

    def __init__(self, orders: int, single: Single, prices: str) -> None:
        self.single = single
        self.prices = prices
        self.orders = orders
        self.placed = 0
        self.by_state: Counter[str] = Counter()
        self.planted: dict[str, set[str]] = {}
        self._begun_ns = 0
        self._ended_ns = 0
        self._recent: deque[int] = deque(maxlen=50_000)

    def begin(self) -> None:
        """The first order is about to be placed."""
        self._begun_ns = self.single.clock.monotonic_ns()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended_ns = self._recent[-1] if self._recent else self._begun_ns

    def answered(self, order: PlannedOrder, status: int, body: bytes) -> None:
        """One order was answered."""
        self.placed += 1
        self._recent.append(self.single.clock.monotonic_ns())
        if status != 201:
            self.by_state["refused"] += 1
            return
        answer = msgspec.json.decode(body, type=_Answer)
        self.by_state[answer.order.state] += 1
        if order.planted:
            self.planted.setdefault(order.planted, set()).add(answer.order.id)

    def rate(self) -> float:
        """Orders a second over the last moments."""
        now = self.single.clock.monotonic_ns()
        since = now - int(RATE_SECONDS * NS_PER_SECOND)
        recent = sum(1 for at in self._recent if at > since)
        return recent / min(RATE_SECONDS, max(0.1, (now - self._begun_ns) / NS_PER_SECOND))

    def seen(self) -> dict[str, bool]:
        """Each planted kind, and whether its detector named one of its orders."""
        found: dict[str, set[str]] = {}
        for anomaly in self.single.watcher.recent(1_000):
            if anomaly.order_id is not None:
                found.setdefault(anomaly.detector, set()).add(anomaly.order_id)
        return {
            kind: bool(orders & found.get(PLANTED_AND_SEEN[kind], set()))
            for kind, orders in self.planted.items()
        }

    def summary(self) -> Summary:
        """The figures at the end."""
        single = self.single
        seconds = max(1e-9, (self._ended_ns - self._begun_ns) / NS_PER_SECOND)
        folder = single.settings.folder / "ledger"
        return Summary(
            prices=self.prices,
            orders=self.placed,
            orders_per_second=round(self.placed / seconds, 1),
            filled=self.by_state["filled"],
            resting=self.by_state["new"],
            rejected=self.by_state["rejected"],
            refused=self.by_state["refused"],
            entries=single.ledger.size,
            anomalies=len(single.watcher.recent(1_000)),
            alerts=single.alerts.raised,
            planted=self.seen(),
            verify=f"./tallystick verify {folder} --vkey '{single.facts.vkey}'",
        )


def draw(state: DemoState) -> RenderableType:
    """The screen while it runs."""
    single = state.single
    root = single.ledger.note.split("\n")[2]
    figures = Table.grid(padding=(0, 3))
    figures.add_row("orders", f"{state.placed:,}", "orders/s", f"{state.rate():,.0f}")
    figures.add_row(
        "filled", f"{state.by_state['filled']:,}", "rejected", f"{state.by_state['rejected']:,}"
    )
    figures.add_row("ledger", f"{single.ledger.size:,} entries", "checkpoint", f"{root[:20]}…")
    figures.add_row(
        "anomalies", f"{len(single.watcher.recent(1_000)):,}", "alerts", f"{single.alerts.raised:,}"
    )
    bar = ProgressBar(total=state.orders, completed=min(state.placed, state.orders), width=60)
    lines: list[RenderableType] = [Text(state.prices, style="dim"), figures, bar]
    found = single.watcher.recent(LINES_SHOWN)
    lines += [Text(f"! {anomaly.sentence}", style="yellow") for anomaly in found]
    return Panel(Group(*lines), title="Tallystick demo", title_align="left", padding=(1, 2))


def draw_summary(state: DemoState) -> RenderableType:
    """What is left on the terminal."""
    summary = state.summary()
    table = Table.grid(padding=(0, 3))
    table.add_row("prices", summary.prices)
    rate = f"{summary.orders:,} at {summary.orders_per_second:,.0f} a second"
    table.add_row("orders", f"{rate}, over HTTP, each durable and proved when answered")
    table.add_row(
        "became",
        f"{summary.filled:,} filled, {summary.resting:,} resting,"
        f" {summary.rejected:,} rejected, {summary.refused:,} refused",
    )
    table.add_row("ledger", f"{summary.entries:,} entries, published and signed")
    table.add_row("anomalies", f"{summary.anomalies}, alerts {summary.alerts}")
    for kind, seen in summary.planted.items():
        verdict = Text("seen", style="green") if seen else Text("not seen", style="bold red")
        table.add_row("planted", Text.assemble(f"{kind}: ", verdict))
    table.add_row("verify", Text(summary.verify, style="bold", overflow="fold"))
    return Panel(table, title="Demo finished", title_align="left", padding=(1, 2))
