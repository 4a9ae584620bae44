"""The port of every channel, and how a channel reads its options."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, Self, TypeVar

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.watch.notify.message import Message

Options = TypeVar("Options", bound=msgspec.Struct)


class Secrets(Protocol):
    """Where secrets are: `env:NAME` of the environment, or `file:path`."""

    def __call__(self, name: str) -> str:
        """The secret; raises Misconfigured, without a word of it, where it cannot be read."""
        ...


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An option that is no part of the configuration: `{ env = "NAME" }` or `{ file = "path" }`."""

    env: str | None = None
    file: str | None = None

    def read(self, secrets: Secrets) -> str:
        """The secret, without the line break that ends a file.

        Raises:
            Misconfigured: it is named twice or not at all, is not there, or is empty.
        """
        if (self.env is None) == (self.file is None):
            raise Misconfigured('A secret is either { env = "NAME" } or { file = "path" }.')
        name = f"env:{self.env}" if self.file is None else f"file:{self.file}"
        value = secrets(name).strip()
        if not value:
            raise Misconfigured(f"The secret {name} is empty.")
        return value


class Channel(Protocol):
    """Says one message to somebody.

    The contract (tests/watch/notify/channels/test_channel_contract.py holds every channel to it):

    - `open` makes it of its options (`type` among them is passed over), connects to nothing, and
      raises `Misconfigured`, a sentence, where they cannot work.
    - `send` returns when the other side has taken the message, with the id that it gave, or "";
      otherwise it raises: `TemporaryError` when it is worth trying again (not before its
      `retry_after_seconds`), `PermanentError` when it is not. It may be cancelled at any moment.
    - It may be called again for the same message, which has the same `key`; the channel hands that
      on where the other side can use it.
    - One `send` at a time.
    - No secret, and no link that acts without a login, stands in an error, a log line or a `repr`.
    """

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Make it of its options; nothing is connected yet."""
        ...

    async def send(self, message: Message) -> str:
        """Deliver, or raise."""
        ...

    async def close(self) -> None:
        """Let go of connections; `send` is not called afterwards."""
        ...


class Configured(Channel, Protocol):
    """A channel that stands in the registry: its `options` can be checked without its secrets."""

    options: ClassVar[type[msgspec.Struct]]


def options_of(options: Mapping[str, object], kind: type[Options]) -> Options:
    """The options as a value.

    Raises:
        Misconfigured: one is missing, unknown or wrong; the sentence says which.
    """
    given = {name: value for name, value in options.items() if name != "type"}
    for field in msgspec.structs.fields(kind):
        if field.type in _SECRETS and isinstance(given.get(field.encode_name), str):
            raise Misconfigured(
                f"{field.encode_name} is a secret and does not stand in the file: write "
                '{ env = "NAME" } or { file = "path" }.'
            )
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{error}.") from error


_SECRETS = (Secret, Secret | None)


def text_of(option: str | Secret, secrets: Secrets) -> str:
    """An option that may be a secret, or stand in the file.

    Raises:
        Misconfigured: it cannot be read.
    """
    return option.read(secrets) if isinstance(option, Secret) else option
