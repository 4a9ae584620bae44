"""Tallystick: a foreign-exchange trading backend whose every trade can be proved.

The map of the rooms, in the order of one order's way (`tests/test_architecture.py` holds it to
the tree; ARCHITECTURE.md explains it):

    access     who may: tokens and scopes
    api        the door: bytes to values and back
    execution  the decision: order + quote + rules + account -> fill or rejection
    fx         the conventions: currencies, pairs, calendars, value dates
    keys       the seals: signing keys
    ledger     the memory: append-only, Merkle, signed; and its verifier
    stream     the voice: follows the ledger, at least once, in order
    watch      the eyes: collect (logs), detect (anomalies), notify (alerts)
    web        the window: the page
    wiring     the hands: settings, logs, command line, one composition root a topology
"""

__version__ = "0.1.0"
