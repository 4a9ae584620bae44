"""Everything else, through apprise (the extra `notify`): about 150 services, each by one URL.

Source: apprise 2.2. It says only whether it went well, so every failure is worth another attempt;
it has no deduplication key, so an attempt whose answer is lost is said twice. It blocks, so it
runs in a thread of its own: an attempt that is cut off goes on there, and the next attempt of the
same message waits for it instead of sending a second one.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Self

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.writing.letter import plain_text
from tallystick.watch.notify.channels.writing.sentences import headline
from tallystick.watch.notify.message import Message

TITLE_CHARACTERS_MAX = 250
_KINDS = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


class AppriseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service's URL; almost every one has a password or token in it, so it is a secret."""

    url: Secret


class AppriseChannel:
    """One notification a message, to one service."""

    options: ClassVar[type[msgspec.Struct]] = AppriseOptions

    def __init__(self, url: str) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the extra is not installed, or apprise does not know such a URL.
        """
        try:
            import apprise  # noqa: PLC0415  an extra
        except ImportError as error:
            raise Misconfigured(
                "apprise needs the extra notify: pip install 'tallystick[notify]'."
            ) from error
        # Their lines hold URLs with their secrets; what went wrong is said by the outbox.
        for name in ("apprise", "urllib3.connectionpool"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._service: Any = apprise.Apprise()
        if not self._service.add(url):
            raise Misconfigured("apprise knows no service by this url.")
        if "overflow=" not in url:
            # A service that would refuse a long text gets its beginning.
            for plugin in self._service:
                plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notify-apprise")
        self._under_way: tuple[str, Future[bool]] | None = None

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:  # noqa: ARG003  the port's
        """Of `AppriseOptions`."""
        return cls(options_of(options, AppriseOptions).url.read(secrets))

    async def send(self, message: Message) -> str:
        """Send once; apprise gives no id."""
        if not await asyncio.shield(asyncio.wrap_future(self._attempt(message))):
            raise TemporaryError("The service behind apprise did not take it.")
        return ""

    async def close(self) -> None:
        """What is under way in the thread ends by itself, within apprise's own time limits."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _attempt(self, message: Message) -> "Future[bool]":
        """The attempt of this message that was cut off, unless it failed; or a new one."""
        if self._under_way is not None:
            key, attempt = self._under_way
            if key == message.key and (not attempt.done() or _went_well(attempt)):
                return attempt
            if not attempt.done():
                raise TemporaryError("The service behind apprise is slow: an attempt is under way.")
        taken: Future[bool] = self._thread.submit(self._notify, message)
        self._under_way = (message.key, taken)
        return taken

    def _notify(self, message: Message) -> bool:
        kind = "success" if message.action == "resolve" else _KINDS[message.severity]
        return bool(
            self._service.notify(
                body=plain_text(message),
                title=headline(message, TITLE_CHARACTERS_MAX),
                notify_type=kind,
                body_format="text",
            )
        )


def _went_well(attempt: "Future[bool]") -> bool:
    return attempt.exception() is None and attempt.result()
