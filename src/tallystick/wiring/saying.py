"""Builds what says it to others: the stream, what feeds it, and the event rules."""

import random
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from tallystick.clock import NS_PER_SECOND, Clock, parse_rfc3339, rfc3339
from tallystick.ledger import Ledger
from tallystick.stream import LogRelay, open_stream
from tallystick.stream.relay import Relay
from tallystick.stream.rules import EventRules, Notification, read_rules
from tallystick.watch.collect.store import LogStore
from tallystick.watch.notify import Alert, Notifier, Severity, fingerprint
from tallystick.watch.notify.alert import EVENT_SECONDS
from tallystick.wiring import tasks
from tallystick.wiring.settings import Settings

SOURCE = "rules"
STOPPED = frozenset({"account", "desk", "pair"})
"""Scopes of a stop that name one of their kind."""
RULES_FILE = "rules.db"
"""In the data folder: what event rules have to deliver."""


class Saying:
    """Entries and log lines on the stream, and rules about them."""

    def __init__(
        self, settings: Settings, ledger: Ledger, lines: LogStore, notifier: Notifier, clock: Clock
    ) -> None:
        """Open everything; nothing runs yet.

        Raises:
            Misconfigured, Corrupt: with a sentence for the operator.
        """
        self._clock = clock
        self._notifier = notifier
        self.told_by_alarm: Callable[[str], bool] = lambda _rule: False
        """Whether an alarm tells what this rule would: it knows, too, when it is over."""
        self.streams = open_stream(settings.stream, settings.folder, clock, ledger.origin)
        self.relay = Relay(ledger, self.streams, clock)
        self.log_relay = LogRelay(lines, self.streams, clock)
        secret = settings.webhook_secret
        rules = read_rules(None if settings.rules is None else Path(settings.rules).expanduser())
        self.rules = EventRules(
            settings.folder / RULES_FILE,
            rules,
            ledger,
            clock,
            random.Random(),  # noqa: S311  jitter
            notify=self._notify,
            secret=None if secret is None else secret.encode(),
            callback_url=settings.public_url or "",
        )

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """The loops, each with its name."""
        patiently = partial(tasks.patiently, clock=self._clock)
        yield "relay", patiently("relay", self.relay.run)
        if self.streams.remote:
            yield "log-relay", patiently("log-relay", self.log_relay.run)
        yield "rules-feed", patiently("rules-feed", self._feed_rules)
        yield "rules", self.rules.run()

    def _notify(self, told: Notification) -> None:
        if not self.told_by_alarm(told.rule):
            self._notifier.raise_alert(alert_of_rule(told))

    async def _feed_rules(self) -> None:
        await self.relay.feed("rules", self.rules.take, self.rules.position)

    async def close(self) -> None:
        """Let go of every file and connection."""
        await self.rules.close()
        await self.streams.close()


def alert_of_rule(told: Notification) -> Alert:
    """An alert of what a rule wants to be known."""
    labels = _labels(told)
    return Alert(
        id=told.id,
        fingerprint=fingerprint(labels),
        severity=cast("Severity", told.severity),  # the target checks it
        summary=told.summary,
        source=SOURCE,
        starts_at=told.at,
        ends_at=rfc3339(parse_rfc3339(told.at) + EVENT_SECONDS * NS_PER_SECOND),
        labels=labels,
        position=told.position,
        order_id=told.order_id,
        links={} if told.order_id is None else {"order": f"/v1/orders/{told.order_id}"},
        details=dict(told.details),
    )


def _labels(told: Notification) -> dict[str, str]:
    """What makes it a trouble of its own: another account, desk or pair is another trouble.

    A stop of trading says its `scope`, and under `id` which account, desk or pair it is.
    """
    labels = {"rule": told.rule}
    scope, which = told.details.get("scope", ""), told.details.get("id", "")
    if scope:
        labels["scope"] = scope
        if which and scope in STOPPED:
            labels[scope] = which
    if told.account:
        labels["account"] = told.account
    return labels
