"""Runs of workflows that were started by rules, and how they ended."""

from typing import Literal

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.targets.port import Parcel

RunState = Literal["running", "succeeded", "failed", "timed_out"]
RUNS_KEPT_MAX = 100_000
"""Runs that have ended and are remembered."""
LATE_AT_ONCE_MAX = 100


class Run(msgspec.Struct, frozen=True):
    """A run; times are RFC 3339, `output` is what the engine gave."""

    id: str
    rule: str
    target: str
    event_id: str
    state: RunState
    started_at: str
    deadline_at: str
    ended_at: str | None
    output: msgspec.Raw | None


class Runs:
    """Of one database; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def begin_run(self, parcel: Parcel, deadline_ns: int, now_ns: int) -> None:
        """Note that a run begins; one that is known goes on, one that timed out begins again."""
        with self._db.writing():
            self._db.run(
                "begin_run",
                run=parcel.key,
                rule=parcel.rule,
                target=parcel.target,
                event_id=parcel.event_id,
                body=parcel.body,
                now_ns=now_ns,
                deadline_at_ns=deadline_ns,
            )
            self._db.run("forget_runs", kept=RUNS_KEPT_MAX)

    def end_run(self, run: str, state: str, output: bytes, now_ns: int) -> bool:
        """Note how it ended; whether it was under way until now. Saying it again is harmless."""
        with self._db.writing():
            row = self._db.one("end_run", run=run, state=state, output=output, now_ns=now_ns)
        return row is not None

    def get(self, run: str) -> Run:
        """A run.

        Raises:
            Refused: `UNKNOWN_RUN`.
        """
        with self._db.reading():
            row = self._db.one("run", run=run)
        if row is None:
            raise Refused("UNKNOWN_RUN", "There is no such run.")
        name, rule, target, event, state, started, deadline, ended, output = row
        return Run(
            name, rule, target, event, state, rfc3339(started), rfc3339(deadline),
            None if ended is None else rfc3339(ended),
            None if output is None else msgspec.Raw(output),
        )  # fmt: skip

    def bury_late(self, now_ns: int) -> int:
        """Make dead letters of runs that did not answer in time; gives how many."""
        with self._db.writing():
            rows = self._db.run("late_runs", now_ns=now_ns, limit=LATE_AT_ONCE_MAX)
            for run, rule, target, event_id, body in rows:
                self._db.run("end_run", run=run, state="timed_out", output=None, now_ns=now_ns)
                self._db.run(
                    "bury",
                    key=run,
                    rule=rule,
                    target=target,
                    event_id=event_id,
                    body=body,
                    now_ns=now_ns,
                    reason="The workflow did not answer in time.",
                )
                self._db.run("count", rule=rule, target=target, what="dead", number=1)
        return len(rows)
