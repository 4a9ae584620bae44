"""The archived ledger, judged without any server: only its volumes and the keys one brings."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.ledger.verify import Report, Trust
from tallystick.watch.collect.archive import open_vault, unpack_ledger, verify_archived
from tallystick.wiring.verify import read_keys


def verify_volumes(address: str, vkeys: Sequence[str], into: Path | None) -> Report:
    """Unpack and verify what is in the archive at `address`; kept in `into`, where that is given.

    Raises:
        Misconfigured: no key is trusted, or the address cannot be used.
        TallystickError, OSError: it cannot be told.
    """
    if not vkeys:
        raise Misconfigured("Say whom you trust: --vkey with the ledger's verifier key.")
    trust, clock = Trust(read_keys(vkeys)), SystemClock()
    with closing(open_vault(address, clock)) as vault, TemporaryDirectory() as scratch:
        if into is not None:
            into.mkdir(parents=True)
            unpack_ledger(vault, into)
        return verify_archived(vault, trust, Path(scratch), clock)
