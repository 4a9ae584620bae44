"""Builds what tells people: incidents, on-call schedules, channels, links, and the heartbeat."""

import os
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog
from starlette.routing import Route

from tallystick.api.metrics import Gauge
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, Refused, TallystickError
from tallystick.keys.links import open_link_key
from tallystick.ledger import Receipt
from tallystick.watch.notify import (
    Alert,
    Channel,
    Deliverer,
    IncidentStore,
    Notifier,
    TerminalChannel,
    WebhookChannel,
    channel_of,
    every_target,
    read_alerting,
)
from tallystick.watch.notify import Alerting as AlertingText
from tallystick.watch.notify.channel import Secrets
from tallystick.watch.notify.config import TargetText
from tallystick.watch.notify.heartbeat import HEARTBEAT_TARGET, Heartbeat, HeartbeatChannel, Proof
from tallystick.watch.notify.inbound.links import LinkDoor
from tallystick.watch.notify.inbound.pagerduty import PagerDutyDoor
from tallystick.watch.notify.links import Links
from tallystick.watch.notify.message import Chart, Message
from tallystick.watch.notify.oncall import CalendarFollower, OnCall, calendar_urls
from tallystick.watch.notify.proved import PROVED_MAX, Proved, proved
from tallystick.web.inbound import link_routes, pagerduty_routes
from tallystick.wiring.settings import Settings

NOTIFY_FILE = "notify.db"
ON_CALL_FILE = "on-call.db"
SECRET_BYTES_MAX = 65_536

_log = structlog.get_logger()


class Alerting:
    """Everything between an alert and a person."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open everything; nothing is told yet.

        Raises:
            Misconfigured, Corrupt: with a sentence for the operator.
        """
        file = None if settings.alerting is None else Path(settings.alerting).expanduser()
        text = _default(settings) if file is None else read_alerting(file)
        self.chart_of: Callable[[Alert], Chart | None] = lambda _alert: None
        self.receipt_of: Callable[[int], Receipt] | None = None
        """The receipt of a ledger entry, by its position; raises what the ledger has."""
        secrets = SecretsOf(os.environ, Path.cwd() if file is None else file.parent)
        channels = _channels(text, settings, secrets, clock)
        self._beating: HeartbeatChannel | None = None
        beating = None
        if text.heartbeat is not None:
            options = {"url": text.heartbeat.url}
            beating = HeartbeatChannel.open(msgspec.to_builtins(options), secrets, clock)
            if HEARTBEAT_TARGET in channels:
                raise Misconfigured(f"targets.{HEARTBEAT_TARGET}: the heartbeat has this name.")
            channels[HEARTBEAT_TARGET] = self._beating = beating
        folder = settings.folder if file is None else file.parent
        now_ns = clock.now_ns()
        kept = settings.folder / ON_CALL_FILE
        self.on_call = OnCall(text.schedules, text.people, kept, folder, now_ns)
        urls = calendar_urls(text.schedules, secrets)
        self._follower = CalendarFollower(self.on_call, urls, clock)
        self.link_key = open_link_key(settings.folder / "keys")
        self.links = Links(self.link_key, (settings.public_url or "").rstrip("/"), clock)
        store = IncidentStore(settings.folder / NOTIFY_FILE)
        chance = random.Random()  # noqa: S311  jitter
        self.deliverer = Deliverer(store, channels, clock, chance, finish=self._finish)
        self.notifier = Notifier(store, self.deliverer, text, clock, self.on_call)
        self.link_door = LinkDoor(self.links, self.notifier)
        self.pagerduty = _pagerduty(settings, text, self.notifier, clock)
        self.proofs: dict[str, Proof] = {"incidents": lambda: self.notifier.trouble}
        """What has to work for a heartbeat to go out, by the part's name; others add theirs."""
        self.heartbeat = None
        if beating is not None and text.heartbeat is not None:
            self.heartbeat = Heartbeat(
                store,
                beating,
                self.notifier.raise_alert,
                clock,
                every_seconds=text.heartbeat.every_seconds,
                health=self.deliverer.health,
                proofs=self.proofs,
            )

    def routes(self) -> Iterator[Route]:
        """What others call without a token: links in alerts, and PagerDuty's webhooks."""
        yield from link_routes(self.link_door)
        if self.pagerduty is not None:
            yield from pagerduty_routes(self.pagerduty)

    def gauges(self) -> Iterator[Gauge]:
        """How the targets are doing."""
        for name, health in self.deliverer.health().items():
            about = {"target": name}
            is_open = health.open_until_ns > 0
            said = "1 while a target is left alone after failures."
            yield Gauge("tallystick_notify_target_open", said, is_open, about)
            said = "1 while others are told in the place of a target."
            yield Gauge("tallystick_notify_target_stuck", said, health.stuck, about)
        if self._beating is not None:
            said = "When the heartbeat was last answered, seconds since the epoch."
            at = self._beating.sent_ns / NS_PER_SECOND
            yield Gauge("tallystick_heartbeat_sent_timestamp_seconds", said, at)

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """The loops, each with its name."""
        if self.heartbeat is not None:
            yield "heartbeat", self.heartbeat.run()

    async def start(self) -> None:
        """Tell from now on; what an earlier process left over goes first."""
        await self.notifier.start()
        self._follower.start()

    async def stop(self) -> None:
        """What is not told waits for the next start."""
        await self._follower.stop()
        await self.notifier.stop()
        self.on_call.close()

    def _finish(self, message: Message, target: str) -> Message:
        """A message with its links, its receipts, and the chart of what its alarm looked at."""
        chart = next((found for each in message.alerts if (found := self.chart_of(each))), None)
        ways = self.links.ways(message, target)
        return msgspec.structs.replace(
            message, ways=ways, chart=chart, proved=self._proved(message)
        )

    def _proved(self, message: Message) -> tuple[Proved, ...]:
        """What the newest entries that it is about say; what cannot be proved is left out."""
        if self.receipt_of is None or message.action != "trigger":
            return ()
        named = {each.position: None for each in message.alerts if each.position is not None}
        found = []
        for position in [*named][:PROVED_MAX]:
            try:
                found.append(proved(self.receipt_of(position)))
            except TallystickError as error:
                _log.error("notify.not_proved", position=position, reason=str(error))
        return tuple(found)


class SecretsOf:
    """What `env:NAME` and `file:PATH` stand for."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    def __call__(self, name: str) -> str:
        """The secret.

        Raises:
            Misconfigured: it is not there, or empty.
        """
        kind, _, where = name.partition(":")
        if kind == "env":
            value = self._environment.get(where, "")
            if not value:
                raise Misconfigured(f"The environment variable {where} is not set.")
            return value
        try:
            data = (self._folder / Path(where).expanduser()).read_bytes()[:SECRET_BYTES_MAX]
            value = data.decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"The secret in {where} cannot be read.") from error
        if not value:
            raise Misconfigured(f"The secret in {where} is empty.")
        return value


def _default(settings: Settings) -> AlertingText:
    """Without a file: every alert to the terminal and the webhook, as far as they are set."""
    targets: dict[str, TargetText] = {}
    if settings.alerts_terminal:
        targets["terminal"] = {"type": "terminal"}
    if settings.webhook_url and settings.webhook_secret:
        targets["webhook"] = {"type": "webhook"}
    return every_target(targets)


def _channels(
    text: AlertingText, settings: Settings, secrets: Secrets, clock: Clock
) -> dict[str, Channel]:
    if settings.alerting is None:
        made: dict[str, Channel] = {}
        if "terminal" in text.targets:
            made["terminal"] = TerminalChannel()
        if settings.webhook_url and settings.webhook_secret:
            secret = settings.webhook_secret.encode()
            made["webhook"] = WebhookChannel(settings.webhook_url, secret, clock)
        return made
    return {name: _channel(name, target, secrets, clock) for name, target in text.targets.items()}


def _channel(name: str, target: TargetText, secrets: Secrets, clock: Clock) -> Channel:
    try:
        return channel_of(target).open(target, secrets, clock)
    except (Misconfigured, Refused) as error:
        raise Misconfigured(f"targets.{name}: {error}") from error


def _pagerduty(
    settings: Settings, text: AlertingText, notifier: Notifier, clock: Clock
) -> PagerDutyDoor | None:
    secrets = (settings.pagerduty_webhook_secrets or "").split()
    if not secrets:
        return None
    ours = [name for name, target in text.targets.items() if target["type"] == "pagerduty"]
    try:
        return PagerDutyDoor(secrets, notifier, clock, ours[0] if len(ours) == 1 else "")
    except Misconfigured as error:
        raise Misconfigured(f"TALLYSTICK_PAGERDUTY_WEBHOOK_SECRETS: {error}") from error
