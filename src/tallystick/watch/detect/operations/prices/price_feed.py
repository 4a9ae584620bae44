"""Price feed: does a price stand still, is a quote impossible, do three prices contradict?

The age of a pair's last quote (and of its last change) against its own rhythm while the market is
open; bid at or above ask, again and again; a spread that stays blown up; and a cross that is apart
from what its two dollar pairs make of it. Prices that are old or wrong cost whoever deals on them.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.observation import Observation, QuoteSeen, TimeSeen
from tallystick.watch.detect.operations.kernels import SKETCH_WIDTH, Said
from tallystick.watch.detect.operations.prices import state as k
from tallystick.watch.detect.operations.prices.kernels import judge_prices
from tallystick.watch.detect.operations.prices.market import Roll, is_moment, is_open
from tallystick.watch.detect.operations.prices.reasons import reason_of
from tallystick.watch.detect.operations.prices.triangles import Triangle, triangles_of
from tallystick.watch.detect.operations.rhythm.kernels import (
    CELLS_WIDTH,
    CLOCK_WIDTH,
    RHYTHM_WIDTH,
    Rhythms,
)
from tallystick.watch.detect.operations.slots import SavedSlots, Slots
from tallystick.watch.detect.score import ALARM_P_MAX, Finding, Judged

PAIRS_MAX = 1_000
"""Most pairs, and sources, that are known at once."""
ROWS_MAX = 512
"""Most quotes and ticks that one call of the kernel works on."""
_PAIRS = {
    "price": ("f8", k.PRICE_WIDTH),
    "quotes": ("f8", RHYTHM_WIDTH),
    "quote_cells": ("f8", CELLS_WIDTH),
    "quote_gaps": ("f4", SKETCH_WIDTH),
    "changes": ("f8", RHYTHM_WIDTH),
    "change_cells": ("f8", CELLS_WIDTH),
    "change_gaps": ("f4", SKETCH_WIDTH),
    "spreads": ("f4", SKETCH_WIDTH),
    "runs": ("f4", SKETCH_WIDTH),
}
_SOURCES = {
    "pairs": ("f8", 0),
    "quotes": ("f8", RHYTHM_WIDTH),
    "cells": ("f8", CELLS_WIDTH),
    "gaps": ("f4", SKETCH_WIDTH),
}
_TRIANGLES = {"state": ("f8", k.TRIANGLE_WIDTH), "errors": ("f4", SKETCH_WIDTH)}
_REFRACTORY_SECONDS = {k.WIDE: 600.0, k.APART: 300.0, k.CROSSED: 300.0}
_SILENCES = {k.STALE, k.FROZEN, k.SILENT_SOURCE}


class _Saved(msgspec.Struct, tag="prices", forbid_unknown_fields=True):
    clock: bytes
    pairs: SavedSlots
    sources: SavedSlots
    triangles: SavedSlots


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class PriceFeed:
    """Scores every quote by the gap before it and by itself, and every second by who is silent."""

    names = ("stale_prices", "crossed_quotes")
    observes = (QuoteSeen, TimeSeen)

    def __init__(self, entities_max: int = PAIRS_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._alarm_p = alarm_p
        self._clock = np.zeros(CLOCK_WIDTH)
        self._pairs = Slots(_PAIRS, entities_max)
        self._sources = Slots(_SOURCES, entities_max)
        self._triangles = Slots(_TRIANGLES, entities_max)
        self._roll = Roll()
        self._closed: dict[str, Triangle] = {}
        self._legs = np.zeros((0, 3), np.int64)
        self._signs = np.zeros((0, 3))
        self._of_pair = np.zeros((0, k.PAIR_TRIANGLES_MAX), np.int64)
        self._drawn = -1

    def __len__(self) -> int:
        return len(self._pairs)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score quotes and seconds."""
        places = [
            place
            for place, seen in enumerate(batch)
            if type(seen) is QuoteSeen or (type(seen) is TimeSeen and is_moment(seen.at_seconds))
        ]
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        start = 0
        while start < len(places):
            rows = [batch[place] for place in places[start : start + ROWS_MAX]]
            rows = rows[: self._safe(rows)]
            some = places[start : start + len(rows)]
            judged, found = self._judge(rows)
            p_values[some] = judged
            findings += [self._finding(line, some[int(line[k.F_ROW])]) for line in found]
            start += len(rows)
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """Everything learnt."""
        return _ENCODER.encode(
            _Saved(
                self._clock.tobytes(),
                self._pairs.save(),
                self._sources.save(),
                self._triangles.save(),
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        clock = np.frombuffer(saved.clock).copy()
        if clock.size != CLOCK_WIDTH:
            raise ValueError("this clock is of another detector")
        fresh = PriceFeed(self._pairs.limit, self._alarm_p)
        fresh._pairs.load(saved.pairs)
        fresh._sources.load(saved.sources)
        fresh._triangles.load(saved.triangles)
        self._pairs, self._sources = fresh._pairs, fresh._sources
        self._triangles, self._clock, self._drawn = fresh._triangles, clock, -1

    def _safe(self, rows: Sequence[Observation]) -> int:
        """How many rows may be worked on before a pair or a source is forgotten for another."""
        quotes = [each if type(each) is QuoteSeen else None for each in rows]
        return min(
            self._pairs.safe([quote.pair if quote else None for quote in quotes]),
            self._sources.safe([quote.source if quote else None for quote in quotes]),
        )

    def _judge(
        self, seen: Sequence[Observation]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        quotes = [each if type(each) is QuoteSeen else None for each in seen]
        slots = self._pairs.rows([quote.pair if quote else None for quote in quotes])
        sources = self._sources.rows([quote.source if quote else None for quote in quotes])
        self._draw()
        at = np.array([each.at_seconds for each in seen], np.float64)
        ticks = [quote is None for quote in quotes]
        rows = k.QuoteRows(
            np.array(ticks, np.int64),
            slots,
            sources,
            at,
            np.array([quote.bid if quote else 0.0 for quote in quotes], np.float64),
            np.array([quote.ask if quote else 0.0 for quote in quotes], np.float64),
            self._of_ticks(at, ticks, is_open),
            self._of_ticks(at, ticks, self._roll.at),
        )
        pairs, known_sources = len(self._pairs), len(self._sources)
        p_values = np.full(len(seen), np.nan)
        most = sum(ticks) * (2 * pairs + known_sources)
        most += (len(ticks) - sum(ticks)) * (1 + k.PAIR_TRIANGLES_MAX)
        found = np.zeros((most, k.FOUND_WIDTH))
        number = judge_prices(rows, self._known(), self._alarm_p, Said(p_values, found))
        return p_values, found[:number]

    def _of_ticks(
        self, at: NDArray[np.float64], ticks: Sequence[bool], asked: Callable[[float], bool]
    ) -> NDArray[np.int64]:
        """What the calendar says of each tick; 0 for quotes."""
        answers = (tick and asked(when) for tick, when in zip(ticks, at.tolist(), strict=True))
        return np.fromiter(answers, np.int64, len(ticks))

    def _known(self) -> k.Known:
        pairs, sources, triangles = self._pairs, self._sources, self._triangles
        return k.Known(
            self._clock,
            k.Pairs(
                pairs.numbers("price"),
                Rhythms(
                    pairs.numbers("quotes"),
                    pairs.numbers("quote_cells"),
                    pairs.sketches("quote_gaps"),
                ),
                Rhythms(
                    pairs.numbers("changes"),
                    pairs.numbers("change_cells"),
                    pairs.sketches("change_gaps"),
                ),
                pairs.sketches("spreads"),
                pairs.sketches("runs"),
            ),
            k.Sources(
                sources.numbers("pairs"),
                Rhythms(
                    sources.numbers("quotes"), sources.numbers("cells"), sources.sketches("gaps")
                ),
            ),
            k.Triangles(
                self._legs,
                self._signs,
                triangles.numbers("state"),
                triangles.sketches("errors"),
                self._of_pair,
            ),
            len(pairs),
            len(sources),
        )

    def _draw(self) -> None:
        """Find the triangles anew when there are other pairs than before."""
        if self._drawn == self._pairs.changes:
            return
        self._drawn = self._pairs.changes
        found = list(triangles_of(self._pairs.names()).values())[: self._triangles.limit]
        rows = self._triangles.rows([triangle.name for triangle in found])
        size = max([len(self._triangles.names()), 1])
        self._legs, self._signs = np.zeros((size, 3), np.int64), np.zeros((size, 3))
        self._of_pair = np.zeros((len(self._pairs.names()), k.PAIR_TRIANGLES_MAX), np.int64)
        used = np.zeros(len(self._of_pair), np.int64)
        self._closed = {}
        for row, triangle in zip(rows.tolist(), found, strict=True):
            self._closed[triangle.name] = triangle
            for leg, pair in enumerate(triangle.legs):
                slot = self._pairs.known(pair)
                self._legs[row, leg], self._signs[row, leg] = slot, triangle.signs[leg]
                if used[slot] < k.PAIR_TRIANGLES_MAX:
                    self._of_pair[slot, used[slot]] = row + 1
                    used[slot] += 1

    def _finding(self, line: NDArray[np.float64], row: int) -> Finding:
        kind, slot = int(line[k.F_KIND]), int(line[k.F_SLOT])
        if kind == k.SILENT_SOURCE:
            entity, legs = self._sources.name(slot), ("", "", "")
        elif kind == k.APART:
            legs = self._closed[self._triangles.name(slot)].legs
            entity = legs[0]
        else:
            entity, legs = self._pairs.name(slot), ("", "", "")
        return Finding(
            row=row,
            detector="stale_prices" if kind in _SILENCES else "crossed_quotes",
            family="operations",
            entity=entity,
            p_value=float(line[k.F_P]),
            refractory_seconds=_REFRACTORY_SECONDS.get(kind, 60.0),
            reason=reason_of(kind, entity, legs, line),
        )
