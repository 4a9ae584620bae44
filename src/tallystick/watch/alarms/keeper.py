"""Stores what alarms have changed, and hands the alerts over that commit with it."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from tallystick.errors import Corrupt, PermanentError, Refused, TallystickError
from tallystick.watch.alarms.standing import Work
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.notify.alert import Alert

Raise = Callable[[Alert], object]
"""Takes an alert, durably, once for its id; called from a thread. May raise `TemporaryError`."""
_log = structlog.get_logger("watch")
_T = TypeVar("_T")


class Keeper:
    """In a thread of its own, so that nobody else's work is waited for.

    An alert stands in the store from the commit of its cause until the notifier has it: after a
    crash in between it is handed over again, under the same id, before anything newer.
    """

    def __init__(self, store: AlarmStore, raise_alert: Raise) -> None:
        self._store = store
        self._raise = raise_alert
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alarms")
        self._untold = True  # what a crash left

    async def commit(self, work: Work, kept: Mapping[str, bytes]) -> bool:
        """Store all of it or nothing; False: it cannot be stored now.

        Raises:
            Corrupt: the file is damaged.
        """
        try:
            lost = await self._run(lambda: self._store.commit(work, kept))
        except Corrupt:
            raise
        except TallystickError as error:
            _log.error("alarms.not_stored", reason=str(error))
            return False
        if lost:
            _log.error("alarms.alerts_lost", count=lost, reason="Nobody took them for too long.")
        self._untold = self._untold or bool(work.alerts)
        for each in work.traces:
            _log.info(
                "alarms.state_changed",
                alarm=each.alarm,
                series=dict(each.series),
                state=each.trace.state,
                before=each.trace.before,
                body=each.trace.sentence,
            )
        return True

    async def tell(self) -> bool:
        """Hand over what has to be told; False: it cannot be told now."""
        if not self._untold:
            return True
        try:
            await self._run(self._hand_over)
        except TallystickError as error:
            _log.error("alarms.not_told", reason=str(error))
            return False
        self._untold = False
        return True

    def close(self) -> None:
        """Wait for what runs."""
        self._thread.shutdown(wait=True)

    def _hand_over(self) -> None:
        """Everything that is not told yet, in its order."""
        while waiting := self._store.untold():
            for each in waiting:
                try:
                    self._raise(each.alert)
                except (Refused, PermanentError) as error:  # it will never be taken
                    _log.error("alarms.alert_refused", alert_id=each.alert.id, reason=str(error))
                self._store.told(each.seq)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
