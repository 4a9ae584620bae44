"""The port of every target: where a matched event is brought to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured

Options = TypeVar("Options", bound=msgspec.Struct)


class Parcel(msgspec.Struct, frozen=True):
    """What is brought: `body` is JSON. `key` is the same for every attempt."""

    key: str
    rule: str
    target: str
    event_id: str
    body: bytes
    attempt: int = 1


class Notification(msgspec.Struct, frozen=True):
    """What a person should be told; the wiring makes an alert of it.

    `id` says it once. `position` is the ledger entry it is about, where it is about one.
    """

    id: str
    rule: str
    severity: str
    summary: str
    at: str
    position: int | None
    order_id: str | None
    account: str
    details: dict[str, str]


class Mailbox(Protocol):
    """What the queue target needs of the store."""

    def send(self, queue: str, key: str, body: bytes, now_ns: int) -> None:
        """Put a message into a queue, durably; once under its key."""
        ...


class Runs(Protocol):
    """What the workflow target needs of the store."""

    def begin_run(self, parcel: Parcel, deadline_ns: int, now_ns: int) -> None:
        """Note durably that a run of a workflow begins; once under its key."""
        ...

    def end_run(self, run: str, state: str, output: bytes, now_ns: int) -> bool:
        """Note how it ended; whether it was under way until now."""
        ...


class Surroundings(msgspec.Struct, frozen=True):
    """What targets are made in. `secret` signs where a target names none of its own."""

    clock: Clock
    mailbox: Mailbox
    runs: Runs
    notify: Callable[[Notification], None] | None = None
    secret: bytes | None = None
    callback_url: str = ""
    """The public address of this server, for engines that answer later."""
    folder: Path | None = None
    """Where the files that options name are looked for."""


class Target(Protocol):
    """Brings one parcel somewhere.

    The contract (tests/stream/rules/targets/test_target_contract.py):

    - `send` returns when the other side has taken the parcel durably, and raises otherwise:
      `TemporaryError` when it is worth trying again (not before its `retry_after_seconds`),
      `PermanentError` when it is not. It may be cancelled at any moment.
    - It may be called again with the same `key`, also after it had returned: the other side is
      told the key where it can use it. Several sends may be under way at once.
    """

    async def send(self, parcel: Parcel) -> None:
        """Deliver, or raise."""
        ...

    async def close(self) -> None:
        """Let go of connections; `send` is not called afterwards."""
        ...


Maker = Callable[[Mapping[str, object], Surroundings], Target]
"""Makes a target of its options; raises Misconfigured where they cannot work."""


def options_of(given: Mapping[str, object], kind: type[Options]) -> Options:
    """The options as a value.

    Raises:
        Misconfigured: one is missing, unknown or wrong.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{error}.") from error


def secret_of(name: str | None, around: Surroundings) -> bytes:
    """The shared secret in a file beside the rules, or the operator's own.

    Raises:
        Misconfigured: there is none, or it cannot be read.
    """
    if name is None:
        if around.secret is None:
            raise Misconfigured("it needs a secret: name a secret_file, or set a webhook_secret.")
        return around.secret
    try:
        return ((around.folder or Path()) / name).read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"its secret_file cannot be read: {error}.") from error
