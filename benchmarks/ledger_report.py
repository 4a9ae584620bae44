"""What the ledger's benchmarks found: `results/ledger.json`, and the README's block of figures."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

import block
from ledger_figures import (
    Appends,
    Figures,
    Peer,
    Proofs,
    Scale,
    ScaleRound,
    Section,
    Span,
    Waiting,
)

AIM_RATIO = 0.5
"""Of the bare journal's entries/s, in batches of `AIM_BATCH`."""
AIM_BATCH = 1_024
AIM_CHECKPOINT_MS = 1_000.0
"""From acknowledgement to published checkpoint, at most."""
AIM_SCALE = 0.2
"""Share by which the largest ledger may be slower than the smallest."""
BACKENDS = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
T = TypeVar("T")


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
    block.put("ledger", markdown(figures), readme)


def markdown(figures: Figures) -> str:
    """Every section that was measured, as Markdown."""
    parts: tuple[tuple[Section | None, Callable[[], Iterable[str]]], ...] = (
        (figures.appends, lambda: _appends(_there(figures.appends))),
        (figures.peer, lambda: _peer(_there(figures.peer))),
        (figures.waiting, lambda: _waiting(_there(figures.waiting))),
        (figures.proofs, lambda: _proofs(_there(figures.proofs))),
        (figures.scale, lambda: _scale(_there(figures.scale))),
    )
    blocks = ["\n".join([*say(), "", _where(part)]) for part, say in parts if part is not None]
    return "\n\n".join(["\n".join(f"- **{one}**" for one in verdicts(figures)), *blocks])


def verdicts(figures: Figures) -> list[str]:
    """One sentence an aim."""
    return [
        f"{sentence}: {'reached' if reached else 'NOT reached'}"
        for sentence, reached in _aims(figures)
    ]


def _aims(figures: Figures) -> Iterator[tuple[str, bool]]:
    if figures.appends is not None:
        for (backend, batch), rounds in _grouped(
            figures.appends.rounds, lambda one: (one.backend, one.batch)
        ):
            if batch == AIM_BATCH:
                span = Span.of(one.ratio for one in rounds)
                name = f"ledger / bare {BACKENDS[backend]} journal, batches of {batch:,} = {span}"
                yield f"{name}, aim >= {AIM_RATIO}", span.median >= AIM_RATIO
    if figures.waiting is not None:
        for paced, loads in _grouped(figures.waiting.loads, lambda one: one.paced):
            worst = max(load.checkpoint.max for load in loads)
            rate = max(load.entries_per_second for load in loads)
            name = f"acknowledgement to published checkpoint, {rate:,.0f} entries/s"
            name += " and less" if paced else ", one batch after the other"
            sentence = f"{name}: slowest {worst:,.0f} ms, aim <= {AIM_CHECKPOINT_MS:,.0f}"
            yield sentence, worst <= AIM_CHECKPOINT_MS
    if figures.scale is not None:
        yield from _scale_aims(figures.scale)


def _scale_aims(scale: Scale) -> Iterator[tuple[str, bool]]:
    for keys, rounds in _grouped(scale.rounds, lambda one: one.keys):
        sizes = sorted({one.size for one in rounds})
        small, large = sizes[0], sizes[-1]
        if small == large:
            continue
        rate = _share(rounds, large, small, lambda one: one.entries / one.seconds)
        aim = 1 - AIM_SCALE
        name = f"append rate, {large:,} entries / {small:,}, {keys} keys = {rate}"
        yield f"{name}, aim >= {aim}", rate.median >= aim
        for what, value in (("ledger", _open_rate), ("product", _product_rate)):
            if all(value(one) for one in rounds):
                span = _share(rounds, large, small, value)
                name = f"starts a second of the {what}, {large:,} entries / {small:,}, {keys} keys"
                yield f"{name} = {span}, aim >= {aim}", span.median >= aim


def _open_rate(one: ScaleRound) -> float:
    return 1 / one.open_seconds


def _product_rate(one: ScaleRound) -> float:
    """0 where the product was not opened."""
    return 1 / one.product_seconds if one.product_seconds else 0.0


def _share(
    rounds: Iterable[ScaleRound], over: int, under: int, value: Callable[[ScaleRound], float]
) -> Span:
    """A value at one size over that at another, round by round."""
    values = {(one.size, one.number): value(one) for one in rounds}
    numbers = sorted({number for _, number in values})
    return Span.of(values[over, number] / values[under, number] for number in numbers)


def _appends(section: Appends) -> Iterator[str]:
    yield "**Appended entries/s**, ledger against a bare journal of the same bytes:"
    yield ""
    columns = ("store", "batch", "ledger/s", "bare/s", "ratio", "ratio, log folded too", "rounds")
    yield from _head(columns, left=1)
    for (backend, batch), rounds in _grouped(section.rounds, lambda one: (one.backend, one.batch)):
        folded = Span.of(one.ratio_folded for one in rounds)
        yield _row(
            BACKENDS[backend],
            f"{batch:,}",
            f"{median(one.entries / one.seconds for one in rounds):,.0f}",
            f"{median(one.entries / one.bare_seconds for one in rounds):,.0f}",
            f"**{Span.of(one.ratio for one in rounds)}**",
            "-" if backend == "postgres" else f"{folded.median:.2f}",
            f"{len(rounds)} x {rounds[0].entries:,}",
        )


def _peer(section: Peer) -> Iterator[str]:
    yield (
        f"**Against Tessera POSIX {section.version}**, {section.adders:,} entries on their way at"
        f" once on both sides (Tessera: {section.adders:,} adders, batches of at most"
        f" {section.batch_size:,} or {section.batch_age_ms} ms, a checkpoint each"
        f" {section.checkpoint_ms} ms; the ledger: batches of {section.adders:,}):"
    )
    yield ""
    columns = (
        "antispam", "Tessera/s", "ledger/s", "ledger / Tessera", "its index p50, p99 ms",
        "its checkpoint p50, p99, max ms", "our proof p50, p99, max ms",
    )  # fmt: skip
    yield from _head(columns, left=1)
    for antispam, rounds in _grouped(section.rounds, lambda one: one.antispam):
        last = rounds[len(rounds) // 2]
        peer = last.peer
        yield _row(
            "on" if antispam else "off",
            f"{median(one.peer.entries / one.peer.integrated_seconds for one in rounds):,.0f}",
            f"{median(one.peer.entries / one.seconds for one in rounds):,.0f}",
            f"**{Span.of(one.ratio for one in rounds)}**",
            f"{peer.index.p50:.0f}, {peer.index.p99:.0f}",
            f"{peer.published.p50:.0f}, {peer.published.p99:.0f}, {peer.published.max:.0f}",
            f"{last.acknowledged.p50:.0f}, {last.acknowledged.p99:.0f},"
            f" {last.acknowledged.max:.0f}",
        )


def _waiting(section: Waiting) -> Iterator[str]:
    yield "**What an entry waits for**, milliseconds (p50, p99, slowest of all batches):"
    yield ""
    columns = (
        "load", "entries/s", "to acknowledgement", "from there to proof", "to published checkpoint"
    )  # fmt: skip
    yield from _head(columns, left=1)
    for load in section.loads:
        proof, checkpoint = load.proof, load.checkpoint
        yield _row(
            load.load,
            f"{load.entries_per_second:,.0f}",
            f"{load.acknowledged.p50:.1f}, {load.acknowledged.p99:.1f},"
            f" {load.acknowledged.max:.1f}",
            f"{proof.p50:.3f}, {proof.p99:.3f}, {proof.max:.3f}",
            f"{checkpoint.p50:.0f}, {checkpoint.p99:.0f}, **{checkpoint.max:.0f}**",
        )


def _proofs(section: Proofs) -> Iterator[str]:
    yield f"**Proofs and audits** of {section.size:,} entries, beside the SHA-256 they consist of:"
    yield ""
    yield from _head(("what", "per second", "MB/s", "its bare hashes/s", "ratio"), left=1)
    for work in section.works:
        megabytes = work.megabytes_per_second
        yield _row(
            work.name,
            f"{work.per_second:,.0f}",
            "-" if megabytes is None else f"{megabytes:,.0f}",
            f"{work.bare_per_second:,.0f}",
            f"{work.ratio:.2f}",
        )
    for one in section.footprints:
        yield ""
        yield (
            f"On disk an entry of {one.entry_bytes:.0f} bytes takes {one.database:,.0f} bytes in"
            f" the {BACKENDS[one.backend]} database (entry, leaf hash, key, tiles, checkpoints;"
            f" batches of {one.batch:,}) and {one.tiles:,.0f} in the published files."
        )


def _scale(section: Scale) -> Iterator[str]:
    yield f"**Cost by size**, SQLite, batches of {section.batch:,}:"
    yield ""
    columns = (
        "keys", "entries before", "ledger/s", "of a bare journal", "with its log folded",
        "start of the ledger ms", "of the product ms",
    )  # fmt: skip
    yield from _head(columns, left=1)
    for (keys, size), rounds in _grouped(
        sorted(section.rounds, key=lambda one: (one.keys, one.size)),
        lambda one: (one.keys, one.size),
    ):
        product = [one.product_seconds for one in rounds if one.product_seconds is not None]
        folded = median(one.entries / (one.seconds + one.fold_seconds) for one in rounds)
        yield _row(
            keys,
            f"{size:,}",
            f"{median(one.entries / one.seconds for one in rounds):,.0f}",
            f"{Span.of(one.ratio for one in rounds)}",
            f"{folded:,.0f}",
            f"{median(one.open_seconds for one in rounds) * 1e3:.1f}",
            f"{median(product) * 1e3:,.0f}" if product else "-",
        )


def _where(section: Section) -> str:
    """When, on what, and what a sync cost there."""
    machine, disk = section.machine, section.disk
    return (
        f"{section.at[:16].replace('T', ' ')} UTC, load {section.load:.1f} before; entries of"
        f" {section.entry_bytes} bytes, one idempotency key each; {machine.cpu}, {machine.cores}"
        f" cores, {machine.python}, {machine.filesystem}; fsync on (SQLite synchronous=FULL,"
        f" PostgreSQL's defaults, Tessera's own); `fdatasync` of 4 KiB"
        f" {disk.fdatasync_ms_p50:g} ms (p99 {disk.fdatasync_ms_p99:g})."
    )


def _there(section: T | None) -> T:
    assert section is not None, "asked for only where it was measured"
    return section


def _head(columns: tuple[str, ...], left: int) -> Iterator[str]:
    yield _row(*columns)
    yield _row(*["---"] * left, *["---:"] * (len(columns) - left))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


K = TypeVar("K")


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """The items by key, in the order in which the keys come first."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())
