"""How long a start takes on a data folder: of the ledger, then of the whole product if wanted.

    python benchmarks/ledger_open.py FOLDER [product]

A process of its own, so that nothing is in its memory already; it prints `Opened` as JSON. The
modules are imported before the time is taken. Nothing runs yet when it ends.
"""

import os
import sys
import time
from pathlib import Path

import msgspec

from tallystick.clock import SystemClock
from tallystick.wiring.ledger import open_parts
from tallystick.wiring.settings import Settings, read_settings
from tallystick.wiring.single import Single


class Opened(msgspec.Struct, frozen=True):
    """Seconds from settings to a ledger that takes appends, and to everything of the product."""

    ledger: float
    product: float | None = None


def _settings(folder: Path) -> Settings:
    named = {"TALLYSTICK_DATA": str(folder), "TALLYSTICK_ALERTS_TERMINAL": "false"}
    return read_settings(named)


def main() -> None:
    """Open the ledger, close it, perhaps open the product, and leave as a crash would."""
    settings, clock = _settings(Path(sys.argv[1])), SystemClock()
    start = time.perf_counter()
    parts = open_parts(settings, clock)
    ledger = time.perf_counter() - start
    parts.close()
    product = None
    if sys.argv[2:] == ["product"]:
        start = time.perf_counter()
        Single(settings, clock)
        product = time.perf_counter() - start
    sys.stdout.buffer.write(msgspec.json.encode(Opened(ledger, product)))
    sys.stdout.flush()
    os._exit(0)  # everything is durable always; an orderly end would fold what we do not measure


if __name__ == "__main__":
    main()
