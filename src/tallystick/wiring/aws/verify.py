"""The whole ledger, checked each night as an outsider would: with public keys, from a reader.

Every entry is hashed again, the tree made again in constant memory, each checkpoint's signature
and root compared (`ledger.check`), and the head that the guard in the other region holds must be
of this history. `python -m tallystick.wiring.aws.verify` is for the batch fleet, `handler` for a
function.

One JSON line says what was found; it is the metric `LedgerVerified` as well: 1 clean, 0 tampered.
Who cannot tell says no metric, and an alarm hears the silence. Exit codes: 0, 1, 2.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal

import msgspec
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import (
    Corrupt,
    Misconfigured,
    PermanentError,
    TallystickError,
    TemporaryError,
)
from tallystick.execution.entries import decode, keys_of
from tallystick.ledger import PostgresStore
from tallystick.ledger.check import Passed, StoreCheck
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_body, verify_note
from tallystick.ledger.guard import Head
from tallystick.wiring.aws.guard import DynamoGuard
from tallystick.wiring.aws.runtime import KEYS_AGE_SECONDS, manners_of
from tallystick.wiring.aws.settings import AwsSettings, read_aws_settings, table_of
from tallystick.wiring.aws.signing import signing_of
from tallystick.wiring.aws.telemetry import COUNT, NAMESPACE, configure
from tallystick.wiring.aws.tokens import secret_text

Verdict = Literal["clean", "tampered", "cannot_tell"]
EXIT_CODES: dict[Verdict, int] = {"clean": 0, "tampered": 1, "cannot_tell": 2}
BEHIND_SECONDS_MAX = 60.0
"""How long a reader may be behind the head that the guard holds; Aurora's are by milliseconds."""
LOOK_SECONDS = 0.5
"""Between two looks whether it has caught up, and before a lost session is opened again."""
SPARE_SECONDS = 20.0
"""Left of a function's time when it gives up."""


class Found(msgspec.Struct, frozen=True):
    """What a check came to; the counts are of what was seen to be right.

    `behind_seconds` is how long the reader took to have the guard's head of `guard_size` entries.
    """

    verdict: Verdict
    reason: str
    origin: str = ""
    size: int = 0
    entries: int = 0
    checkpoints: int = 0
    keys: int = 0
    tiles: int = 0
    bytes_hashed: int = 0
    guard_size: int | None = None
    behind_seconds: float = 0.0
    seconds: float = 0.0
    entries_per_second: int = 0

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 cannot tell."""
        return EXIT_CODES[self.verdict]


def verify(
    environment: Mapping[str, str], clock: SystemClock, time_left: Callable[[], float] | None = None
) -> Found:
    """Check the ledger that the environment names; `time_left` in seconds, where there is an end.

    Nothing is raised for what is wrong with the ledger, or with the way to it: it is said.
    """
    nightly = _Nightly(clock, time_left)
    verdict: Verdict = "clean"
    reason = ""
    try:
        nightly.run(read_aws_settings(environment))
    except Corrupt as error:
        verdict, reason = "tampered", str(error)
    except (TallystickError, OSError) as error:
        verdict, reason = "cannot_tell", str(error)
    return nightly.found(verdict, reason)


class _Nightly:
    """One check, and how far it came."""

    def __init__(self, clock: SystemClock, time_left: Callable[[], float] | None) -> None:
        self._clock = clock
        self._time_left = time_left
        self._started_ns = clock.monotonic_ns()
        self._passed = Passed("")
        self._size = 0
        self._held: Head | None = None
        self._behind_seconds = 0.0

    def run(self, settings: AwsSettings) -> None:
        """Check it.

        Raises:
            Corrupt: it is not what was signed; it names what.
            PermanentError, TemporaryError: that cannot be said.
        """
        if not settings.ledger:
            raise Misconfigured("TALLYSTICK_LEDGER must be the address of a reader of the ledger.")
        signing = signing_of(settings, lambda name: secret_text(name, KEYS_AGE_SECONDS))
        known = (signing.signer, *signing.others)
        vkeys = [*(VerifierKey.of(each.name, each.public_key) for each in known), *signing.retired]
        keys = tuple(dict.fromkeys(vkeys))
        self._passed = Passed(signing.signer.name)
        guard = DynamoGuard(table_of("GUARD", settings.guard), signing.signer.name, self._clock)
        # Asked first: what it holds was committed before, so a reader has it sooner or later.
        self._held = guard.head()
        with closing(PostgresStore(settings.ledger, self._clock, manners_of(settings))) as store:
            self._await_head(store)
            self._entries(store, keys)
            self._require_held(store, keys)
        if unknown := self._passed.unknown:
            raise PermanentError(
                f"{unknown} entries are of kinds that this version does not know, the first is"
                f" entry {self._passed.unknown_first}: they are what was signed; their keys were"
                " not looked at."
            )

    def _await_head(self, store: PostgresStore) -> None:
        """Let the reader catch up with the head that the guard holds."""
        wanted = self._held.size if self._held is not None else 0
        started_ns = self._clock.monotonic_ns()
        while True:
            newest = store.checkpoint(-1)
            self._size = newest[0] if newest else 0
            self._behind_seconds = self._since(started_ns)
            if self._size >= wanted:
                return
            if self._behind_seconds > BEHIND_SECONDS_MAX:
                raise Corrupt(
                    f"The guard holds a head of {wanted} entries and the ledger has {self._size}:"
                    f" entry {self._size} and what follows it were signed and are gone."
                )
            self._clock.pause(LOOK_SECONDS)

    def _entries(self, store: PostgresStore, keys: Sequence[VerifierKey]) -> None:
        """Every entry, leaf, tile, checkpoint and key; a reader that goes is asked again."""
        before: Passed | None = None
        while True:
            check = StoreCheck(store, keys, _keys_of, self._passed, self._clock)
            self._size = check.size
            try:
                for _ in check.run():
                    self._passed = check.passed
                    self._require_time()
            except TemporaryError:
                self._passed = check.resumable
                if self._passed == before:  # nothing was gained since it went the last time
                    raise
                before = self._passed
                self._clock.pause(LOOK_SECONDS)
            else:
                self._passed = check.passed
                return

    def _require_time(self) -> None:
        if self._time_left is not None and self._time_left() < SPARE_SECONDS:
            raise PermanentError(
                f"The time was up at entry {self._passed.position} of {self._size}: this ledger is"
                " one for the batch fleet (switches.batch_fleet)."
            )

    def _require_held(self, store: PostgresStore, keys: Sequence[VerifierKey]) -> None:
        """The guard's head is of this history; every checkpoint here was seen to fit its tree."""
        if self._held is None:
            if self._size:
                raise PermanentError("The signed-head guard holds no head of this log.")
            return
        held = self._held
        if not held.size:
            return
        found = store.checkpoint(held.size)
        if found is None or found[0] != held.size:
            raise Corrupt(f"The checkpoint of {held.size} entries, which the guard knows, is gone.")
        here = parse_body(verify_note(found[1], keys).text)
        if here != Checkpoint(self._passed.origin, held.size, held.root):
            raise Corrupt(
                f"A head of {held.size} entries was signed that is not of this history: it ends"
                f" with another entry {held.size - 1}, or one before it is another."
            )

    def found(self, verdict: Verdict, reason: str) -> Found:
        """What there is to say now."""
        passed, seconds = self._passed, self._since(self._started_ns)
        return Found(
            verdict,
            reason,
            passed.origin,
            self._size,
            passed.position,
            passed.checkpoints,
            passed.keys,
            passed.tiles,
            passed.bytes_hashed,
            self._held.size if self._held is not None else None,
            round(self._behind_seconds, 3),
            round(seconds, 3),
            round(passed.position / seconds) if seconds else 0,
        )

    def _since(self, moment_ns: int) -> float:
        return (self._clock.monotonic_ns() - moment_ns) / NS_PER_SECOND


def said(found: Found) -> str:
    """The report as one line, which CloudWatch reads its metrics from (embedded metric format)."""
    line: dict[str, Any] = msgspec.to_builtins(found)
    if found.verdict == "cannot_tell":
        return json.dumps(line)
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE)
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "verify")
    metrics = Metrics(namespace=namespace, service=service)
    metrics.clear_metrics()
    metrics.add_metric("LedgerVerified", COUNT, 1 if found.verdict == "clean" else 0)
    metrics.add_metric("LedgerVerifiedSize", COUNT, found.entries)
    measured: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    return json.dumps(line | measured)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check the ledger; what was found.

    Raises:
        TemporaryError: it could not be told, so that it is tried again.
    """
    del event
    configure("info")
    clock = SystemClock()
    found = verify(os.environ, clock, lambda: context.get_remaining_time_in_millis() / 1_000)
    sys.stdout.write(said(found) + "\n")
    if found.verdict == "cannot_tell":
        raise TemporaryError(found.reason)
    answer: dict[str, Any] = msgspec.to_builtins(found)
    return answer


def main() -> int:
    """The check as a process; its exit code."""
    configure("info")
    found = verify(os.environ, SystemClock())
    sys.stdout.write(said(found) + "\n")
    return found.exit_code


def _keys_of(data: bytes) -> tuple[str, ...] | None:
    try:
        return keys_of(decode(data))
    except msgspec.DecodeError:
        return None


if __name__ == "__main__":
    sys.exit(main())
