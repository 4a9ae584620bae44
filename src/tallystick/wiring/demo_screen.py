"""What the demo shows: one screen while it runs, a summary at its end."""

from collections import Counter, deque

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.score import Anomaly
from tallystick.wiring.flow import Flow, PlannedOrder, Planting
from tallystick.wiring.single import Single

LINES_SHOWN = 6
BAR_CHARACTERS = 50
FIGURE_CHARACTERS = 13
RATE_SECONDS = 2.0
"""Window of the orders/s that is shown while it runs."""
PLANTED_AND_SEEN = {
    "fat finger": "order_size",
    "off-market price": "off_market",
    "burst": "order_burst",
    "reject storm": "reject_streak",
}
"""Which detector should see each planted anomaly."""


DEALT = ("filled", "partially_filled", "cancelled")
"""States of an answer whose order was filled, whole or in part."""


class _Order(msgspec.Struct):
    id: str
    state: str


class _Receipt(msgspec.Struct):
    position: int


class _Answer(msgspec.Struct):
    order: _Order
    receipt: _Receipt


class _Span(msgspec.Struct):
    """Where the orders of one planted anomaly stand in the ledger: first and last position."""

    account: str
    first: int
    last: int

    def holds(self, anomaly: Anomaly) -> bool:
        """Whether the anomaly was seen in the midst of it."""
        at = anomaly.position
        return anomaly.account == self.account and at is not None and self.first <= at <= self.last


class Summary(msgspec.Struct, frozen=True):
    """The demo in figures; `planted` maps each kind to whether its detector saw it.

    `filled` (whole or in part), `resting`, `rejected` and `refused` are what was answered to the
    `orders`; `cancelled` and `replaced` those that their clients changed afterwards.
    `said` is what the detector said of each that it saw, `left_out` what could not be planted, in
    sentences. Of the `anomalies`, `anomalies_planted` were found in orders planted as such.
    """

    prices: str
    orders: int
    orders_per_second: float
    filled: int
    resting: int
    rejected: int
    refused: int
    cancelled: int
    replaced: int
    entries: int
    anomalies: int
    anomalies_planted: int
    alerts: int
    planted: dict[str, bool]
    said: dict[str, str]
    left_out: tuple[str, ...]
    verify: str


class DemoState:
    """Counts of the demo; owned by its event loop."""

    def __init__(self, flow: Flow, single: Single, prices: str) -> None:
        self.flow = flow
        self.single = single
        self.prices = prices
        self.placed = self.cancelled = self.replaced = 0
        self.by_state: Counter[str] = Counter()
        self._planted: dict[Planting, _Span] = {}
        self._begun_ns = self._ended_ns = 0
        self._recent: deque[int] = deque(maxlen=50_000)

    def begin(self) -> None:
        """The first order is about to be placed."""
        self._begun_ns = self.single.clock.monotonic_ns()

    def end(self) -> None:
        """The last order was answered."""
        self._ended_ns = self.single.clock.monotonic_ns()

    def answered(self, order: PlannedOrder, status: int, body: bytes) -> str | None:
        """One order was answered; gives its id if it waits now."""
        self.placed += 1
        self._recent.append(self.single.clock.monotonic_ns())
        if status != 201:
            self.by_state["refused"] += 1
            return None
        answer = msgspec.json.decode(body, type=_Answer)
        self.by_state[answer.order.state] += 1
        if order.planted is not None:
            at = answer.receipt.position
            span = self._planted.setdefault(order.planted, _Span(order.account, at, at))
            span.first, span.last = min(span.first, at), max(span.last, at)
        return answer.order.id if answer.order.state == "new" else None

    def changed(self, status: int, body: bytes) -> None:
        """A cancel (200) or a replacement (201) was answered; others came too late."""
        if status == 200:
            self.cancelled += 1
        elif status == 201:
            self.replaced += msgspec.json.decode(body, type=_Answer).order.state != "rejected"

    def filled(self) -> int:
        """Orders that were filled at once, whole or in part."""
        return sum(self.by_state[state] for state in DEALT)

    def seconds(self) -> float:
        """How long orders have been, or were, placed."""
        if not self._begun_ns:
            return 0.0
        return ((self._ended_ns or self.single.clock.monotonic_ns()) - self._begun_ns) / (
            NS_PER_SECOND
        )

    def rate(self) -> float:
        """Orders a second over the last moments; at the end, over all of the run."""
        seconds = max(0.1, self.seconds())
        if self._ended_ns:
            return self.placed / seconds
        since = self.single.clock.monotonic_ns() - int(RATE_SECONDS * NS_PER_SECOND)
        recent = sum(1 for at in self._recent if at > since)
        return recent / min(RATE_SECONDS, seconds)

    def is_planted(self, anomaly: Anomaly) -> bool:
        """Whether it was found in orders that were planted."""
        return any(span.holds(anomaly) for span in self._planted.values())

    def seen(self) -> dict[str, str | None]:
        """Each planted kind, and what its detector said in the midst of it, if it did."""
        found = self.single.detecting.found.recent(1_000)
        seen: dict[str, str | None] = {}
        for planting, span in self._planted.items():
            detector = PLANTED_AND_SEEN[planting.kind]
            said = (a.sentence for a in found if a.detector == detector and span.holds(a))
            seen[planting.kind] = seen.get(planting.kind) or next(said, None)
        return seen

    def summary(self) -> Summary:
        """The figures at the end."""
        single = self.single
        found, seen = single.detecting.found.recent(1_000), self.seen()
        folder = single.settings.folder / "ledger"
        return Summary(
            prices=self.prices,
            orders=self.placed,
            orders_per_second=round(self.rate(), 1),
            filled=self.filled(),
            resting=self.by_state["new"],
            rejected=self.by_state["rejected"],
            refused=self.by_state["refused"],
            cancelled=self.cancelled,
            replaced=self.replaced,
            entries=single.ledger.size,
            anomalies=len(found),
            anomalies_planted=sum(map(self.is_planted, found)),
            alerts=single.detecting.alerts.raised,
            planted={kind: sentence is not None for kind, sentence in seen.items()},
            said={kind: sentence for kind, sentence in seen.items() if sentence},
            left_out=self.flow.left_out,
            verify=f"./tallystick verify {folder} --vkey '{single.facts.vkey}'",
        )


def draw(state: DemoState) -> RenderableType:
    """The screen while it runs; always of the same height."""
    single, total = state.single, state.flow.total
    root = single.ledger.note.split("\n")[2]
    figures = Table.grid(padding=(0, 2))
    for _ in range(3):
        figures.add_column(style="dim")
        figures.add_column(min_width=FIGURE_CHARACTERS)
    counts = state.by_state
    figures.add_row(
        "orders", f"{state.placed:,}", "filled", f"{state.filled():,}",
        "anomalies", f"{len(single.detecting.found.recent(1_000)):,}",
    )  # fmt: skip
    figures.add_row(
        "orders/s", f"{state.rate():,.0f}", "resting", f"{counts['new']:,}",
        "alerts", f"{single.detecting.alerts.raised:,}",
    )  # fmt: skip
    figures.add_row(
        "ledger", f"{single.ledger.size:,} entries", "rejected", f"{counts['rejected']:,}",
        "checkpoint", f"{root[:10]}…",
    )  # fmt: skip
    progress = Table.grid(padding=(0, 2))
    progress.add_row(
        ProgressBar(total=total, completed=min(state.placed, total), width=BAR_CHARACTERS),
        f"{min(1.0, state.placed / total):.0%} of {total:,}, {state.seconds():.0f} s",
    )
    prices = Text(state.prices, style="dim")
    lines = Group(prices, Text(), figures, Text(), progress, Text(), _anomalies(state))
    return Panel(lines, title="Tallystick demo", title_align="left", padding=(1, 2))


def _anomalies(state: DemoState) -> RenderableType:
    """The newest anomalies, a line each; those in planted orders are declared as such."""
    found = state.single.detecting.found.recent(LINES_SHOWN)
    rows = Table.grid(padding=(0, 2), expand=True)
    rows.add_column(width=len("planted"))
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for anomaly in found:
        planted = state.is_planted(anomaly)
        word = Text("planted" if planted else "found", style="dim" if planted else "bold")
        rows.add_row(word, Text(anomaly.sentence, style="yellow"))
    if not found:
        rows.add_row("", Text("No anomaly so far.", style="dim"))
    for _ in range(LINES_SHOWN - max(1, len(found))):
        rows.add_row("", "")
    return rows


def draw_summary(summary: Summary) -> RenderableType:
    """What is left on the terminal."""
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim")
    table.add_row("prices", summary.prices)
    rate = f"{summary.orders:,} at {summary.orders_per_second:,.0f} a second"
    table.add_row("orders", f"{rate}, over HTTP, each durable and proved when answered")
    refused = f", {summary.refused:,} refused" if summary.refused else ""
    table.add_row(
        "became",
        f"{summary.filled:,} filled, {summary.resting:,} resting,"
        f" {summary.rejected:,} rejected{refused}",
    )
    table.add_row(
        "then",
        f"{summary.cancelled:,} cancelled and {summary.replaced:,} replaced by their clients",
    )
    table.add_row("ledger", f"{summary.entries:,} entries, signed and published")
    others = summary.anomalies - summary.anomalies_planted
    table.add_row(
        "anomalies",
        f"{summary.anomalies}: {summary.anomalies_planted} in planted orders, {others} in others;"
        f" {summary.alerts} alerts",
    )
    for kind, seen in summary.planted.items():
        verdict = Text("seen", style="green") if seen else Text("not seen", style="bold red")
        table.add_row("planted", Text.assemble(f"{kind}: ", verdict))
        if seen:
            table.add_row("", Text(summary.said[kind], style="yellow"))
    for sentence in summary.left_out:
        table.add_row("left out", sentence)
    return Panel(table, title="Demo finished", title_align="left", padding=(1, 2))
