"""Forwarders as the settings want them."""

import random
from pathlib import Path

from tallystick.clock import Clock
from tallystick.watch.collect.forward import (
    Cursors,
    Forwarder,
    open_destination,
    read_destinations,
)
from tallystick.watch.collect.forward.forwarder import Store
from tallystick.wiring.settings import Settings

CURSORS = "forward.json"
"""In the data folder: where each forwarder goes on."""


def forwarders_of(
    settings: Settings, store: Store, clock: Clock, chance: random.Random
) -> tuple[Forwarder, ...]:
    """One for each destination of the settings' file.

    Raises:
        Misconfigured: the file or a destination cannot be used.
        Corrupt: the cursors were damaged.
    """
    if settings.forward is None:
        return ()
    destinations = read_destinations(Path(settings.forward).expanduser())
    cursors = Cursors(settings.folder / CURSORS)
    return tuple(
        Forwarder(
            each.name,
            store,
            open_destination(each, clock),
            cursors,
            clock,
            chance,
            indexes=each.indexes,
        )
        for each in destinations
    )
