"""What `make bench-orders` found: `results/orders.json`, and the README's block of figures."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

import block
from orders_figures import Aim, Figures, Race, Stages, Start

START_SECONDS_AIM = 3.0
LABELS = {
    "single": "one order a request",
    "batch": "1,000 orders a request",
    "parse": "ceiling: parsed and answered",
    "noop": "ceiling: answered",
    "journal": "bare journal, batches of 1,000",
    "naive": "naive peer (FastAPI, SQLAlchemy)",
    "tuned": "tuned peer (FastAPI, asyncpg)",
    "small": "one account, empty book",
    "accounts": "many accounts",
    "book": "many resting orders",
}
TITLES = {
    "sqlite": "On SQLite",
    "postgres": "On PostgreSQL",
    "flat": "Cost by accounts and by resting orders, on SQLite",
}
WORDS = {"orders_per_second": "orders/s", "latency_ms_p99": "p99"}


def read(results: Path) -> Figures:
    """What earlier runs found; nothing where there is no file."""
    if not results.exists():
        return Figures()
    return msgspec.json.decode(results.read_bytes(), type=Figures)


def write(figures: Figures, results: Path, readme: Path) -> None:
    """Write `results` (JSON) and the block between the markers of `readme`.

    Raises:
        ValueError: the README has no markers.
    """
    results.parent.mkdir(exist_ok=True)
    results.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    block.put("order", markdown(figures), readme)


def markdown(figures: Figures) -> str:
    """Every section that was measured, as Markdown."""
    blocks = [[f"- **{sentence}**" for sentence in verdicts(figures)]]
    for part, title in TITLES.items():
        section: Race | None = getattr(figures, part)
        if section is not None:
            blocks.append([f"**{title}**", "", *_race(section), "", _how(section)])
    if figures.start is not None:
        blocks.append(["**Start**", "", *_start(figures.start)])
    if figures.stages is not None:
        blocks.append(["**Where each microsecond goes**", "", *_stages(figures.stages)])
    return "\n\n".join("\n".join(block) for block in blocks)


def verdicts(figures: Figures) -> list[str]:
    """One sentence an aim."""
    return [
        f"{sentence}: {'reached' if reached else 'NOT reached'}"
        for sentence, reached in _aims(figures)
    ]


def _aims(figures: Figures) -> Iterator[tuple[str, bool]]:
    for part in TITLES:
        section: Race | None = getattr(figures, part)
        for aim in section.aims if section is not None else ():
            assert section is not None
            span = section.ratio(aim)
            if span is not None:
                reached = span.median >= aim.bound if aim.at_least else span.median <= aim.bound
                figure = f"{span.median:.4g} ({span.lowest:.4g} to {span.highest:.4g})"
                yield f"{part}: {_named(aim)} = {figure}, {_bound(aim)}", reached
    start = figures.start
    if start is not None:
        slowest = max(start.seconds)
        sentence = f"start with {start.entries:,} entries: slowest {slowest:.2f} s"
        yield f"{sentence}, aim <= {START_SECONDS_AIM:g}", slowest <= START_SECONDS_AIM


def _named(aim: Aim) -> str:
    return f"{WORDS[aim.figure]}, {LABELS[aim.over]} / {LABELS[aim.under]}"


def _bound(aim: Aim) -> str:
    return f"aim {'>=' if aim.at_least else '<='} {aim.bound:g}"


def _race(section: Race) -> Iterator[str]:
    """One row a contender: medians over its rounds."""
    columns = (
        "", "orders/s", "p50 ms", "p99", "max", "CPU µs", "DB µs", "request bytes", "answer bytes"
    )  # fmt: skip
    yield _row(*columns)
    yield _row("---", *["---:"] * (len(columns) - 1))
    figures = (
        ("orders_per_second", ",.0f"), ("latency_ms_p50", ".1f"), ("latency_ms_p99", ".1f"),
        ("latency_ms_max", ".1f"), ("server_cpu_us", ",.1f"), ("database_cpu_us", ",.1f"),
        ("request_bytes", ",.0f"), ("answer_bytes", ",.0f"),
    )  # fmt: skip
    for name in sorted(section.names, key=list(LABELS).index):
        rounds = section.of(name)
        cells = [
            format(median(getattr(one, field) for one in rounds), form) for field, form in figures
        ]
        yield _row(LABELS[name], *cells)


def _how(section: Race) -> str:
    rounds = max(one.number for one in section.rounds)
    busiest = min(one.load_cpu_us for one in section.rounds if one.load_cpu_us)
    said = (
        f"Medians of {rounds} rounds of {section.seconds:g} s, 64 keep-alive connections (batches:"
        " 4). CPU is an order's share of all that the server, and its PostgreSQL (DB), did"
        f" meanwhile; the load generator took {busiest:.1f} µs and more."
    )
    pinned = " Server and load were pinned to a core each." if section.pinned else ""
    notes = "".join(f" {note}" for note in section.notes)
    return f"{said}{pinned}{notes} {_where(section)}"


def _start(section: Start) -> Iterator[str]:
    took = ", ".join(f"{one:.2f}" for one in section.seconds)
    yield (
        f"From a new process to its first answer on `/readyz`, {section.entries:,} entries of"
        f" filled orders, interpreter and imports included: {took} s. {_where(section)}"
    )


def _stages(section: Stages) -> Iterator[str]:
    steps = sum(stage.us for stage in section.stages)
    rest = section.server_us - section.http_us - steps
    rows = [
        ("HTTP: a request that is only answered", section.http_us),
        *((stage.name, stage.us) for stage in section.stages),
        ("cold memory, switching, and all who watch", rest),
    ]
    yield _row("step of one order", "µs", "share")
    yield _row("---", "---:", "---:")
    for name, us in rows:
        yield _row(name, f"{us:.1f}", f"{us / section.server_us:.0%}")
    yield _row("an order in the server", f"{section.server_us:.1f}", "")
    yield ""
    rules = ", ".join(f"{rule.name} {rule.us:.2f}" for rule in section.rules)
    yield f"The rules by themselves, µs: {rules}."
    yield ""
    yield (
        f"CPU. Steps are measured warm and each by itself, with commits of {section.batch} orders"
        f" on a ledger of {section.ledger_size:,} entries; HTTP and the whole are measured in the"
        f" server under load; the rest is the difference. Entry {section.entry_bytes} bytes, answer"
        f" {section.answer_bytes}. {_where(section)}"
    )


def _where(section: Race | Start | Stages) -> str:
    """When, on what, and what a sync cost there."""
    machine, disk = section.machine, section.disk
    return (
        f"{section.at[:16].replace('T', ' ')} UTC, load {section.load_before:.1f} before;"
        f" {machine.cpu}, {machine.cores} cores, {machine.system}, {machine.python},"
        f" {machine.filesystem}; fsync on (SQLite synchronous=FULL, PostgreSQL's defaults);"
        f" `fdatasync` of 4 KiB {disk.fdatasync_ms_p50:g} ms (p99 {disk.fdatasync_ms_p99:g})."
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
