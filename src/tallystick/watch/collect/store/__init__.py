"""The log store: every line durable when it is acknowledged, and searchable at once."""

from tallystick.watch.collect.store.checking import Finding, check_folder
from tallystick.watch.collect.store.parts import (
    ColdPartError,
    Lock,
    Part,
    PartColumn,
    PartSource,
    State,
)
from tallystick.watch.collect.store.place import Place, open_place
from tallystick.watch.collect.store.reading import LogPage, Rows
from tallystick.watch.collect.store.store import LogStore, SegmentLimits

__all__ = [
    "ColdPartError",
    "Finding",
    "Lock",
    "LogPage",
    "LogStore",
    "Part",
    "PartColumn",
    "PartSource",
    "Place",
    "Rows",
    "SegmentLimits",
    "State",
    "check_folder",
    "open_place",
]
