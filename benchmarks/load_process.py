"""Puts one load on a server: the product's generator, in a process of its own.

    python benchmarks/load_process.py < PLAN.json > RESULT.json

The answers' shape is not part of the result: a ratio needs only its percentiles.
"""

import gc
import sys
from typing import cast

import msgspec
import uvloop

from tallystick.clock import SystemClock
from tallystick.errors import TallystickError
from tallystick.wiring.load import Plan, orders_of, put_load


def main() -> None:
    """Read the plan, run it, write the result."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    gc.disable()  # a bounded run that makes no cycles
    try:
        result, _ = uvloop.run(put_load(plan, orders_of(plan), SystemClock()))
    except TallystickError as error:
        sys.exit(f"load: {error}")
    short = msgspec.structs.replace(result, latency_us_counts=cast("dict[int, int]", {}))
    sys.stdout.buffer.write(msgspec.json.encode(short))


if __name__ == "__main__":
    main()
