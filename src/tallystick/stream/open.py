"""Opens the streams that the settings name: entries, dead letters and, on a remote one, log lines.

`embedded`, or the address of a remote one:

    kafka://host:9092,host2:9092/prefix?security.protocol=SASL_SSL&...
    kinesis://region/prefix?endpoint=http://127.0.0.1:5000
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

import apsw

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.ids import new_guid
from tallystick.stream.cursors import Cursors
from tallystick.stream.dead import dead_message, event_of, whole_envelope
from tallystick.stream.embedded import BUSY_MS_MAX, EmbeddedStream
from tallystick.stream.kafka import KafkaPeer, KafkaStream
from tallystick.stream.kinesis import KinesisPeer, KinesisStream
from tallystick.stream.message import Envelope, Message, entry_envelope, log_envelope
from tallystick.stream.stream import Stream
from tallystick.wal import UNFOLDED

EMBEDDED = "embedded"
FILE = "stream.db"
DEAD_FILE = "stream-dead.db"
PLACES_FILE = "stream-places.db"
RELAYS = ("relay ", "log-relay ")
"""Beginnings of the names under which relays keep their places."""
DATABASES = (FILE, DEAD_FILE, PLACES_FILE)
"""Files whose write-ahead logs somebody must fold back."""
KAFKA_PROPERTIES = ("security.", "sasl.", "ssl.", "client.", "compression.", "socket.")
"""Beginnings of those properties of librdkafka that an address may set."""
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SERVERS = re.compile(r"[A-Za-z0-9._\[\]:-]+(,[A-Za-z0-9._\[\]:-]+)*")

Make = Callable[[str, Envelope], Stream]
"""Makes the stream of that name."""


@dataclass
class Streams:
    """The streams of one ledger, and where its relay and its followers are.

    `local` is the entries' stream where it is the embedded one; `cursors` are ledger positions of
    this process' consumers, by name.
    """

    entries: Stream
    dead: Stream
    logs: Stream | None
    cursors: Cursors
    origin: str
    clock: Clock
    envelope: Envelope
    local: EmbeddedStream | None = None
    relay_name: str = ""
    log_relay_name: str = ""
    places: apsw.Connection | None = None

    @property
    def remote(self) -> bool:
        """Whether others can read the stream: then log lines are on one as well."""
        return self.local is None

    @property
    def said(self) -> int:
        """Every entry before this position was acknowledged by the stream."""
        return self.cursors.peek(self.relay_name) if self.local is None else self.local.end

    def acknowledged(self, position: int) -> None:
        """The stream has everything before `position`; the embedded one knows that itself."""
        if self.local is None and not self.cursors.put(self.relay_name, position):
            self.cursors.get(self.relay_name)  # somebody moved it: it goes on there

    async def bury(
        self, message: Message, group: str, reason: str, attempts: int, where: tuple[str, int]
    ) -> None:
        """Append a dead letter: what `group` could not deal with, and why."""
        event = event_of(message, self.envelope)
        await self.dead.append([dead_message(event, group, reason, attempts, where, self.clock)])

    async def close(self) -> None:
        """Let go of everything."""
        for stream in (self.entries, self.dead, self.logs):
            if stream is not None:
                await stream.close()
        if self.places is not None:
            self.places.close()


def open_stream(address: str, folder: Path, clock: Clock, origin: str) -> Streams:
    """The streams at `address`; nothing is connected before the first use.

    `origin` is the ledger's name: the `source` of its events.

    Raises:
        Misconfigured: the address is none, or the extra that it needs is not installed.
    """
    scheme = EMBEDDED if address == EMBEDDED else urlsplit(address).scheme
    if scheme not in BACKENDS or (scheme == EMBEDDED and address != EMBEDDED):
        raise Misconfigured(
            "TALLYSTICK_STREAM must be `embedded`, kafka://host:9092/prefix or"
            " kinesis://region/prefix."
        )
    return BACKENDS[scheme](urlsplit(address), folder, clock, origin)


def _embedded(_parts: SplitResult, folder: Path, clock: Clock, origin: str) -> Streams:
    entries = EmbeddedStream(folder / FILE, clock, numbered=True)
    dead = EmbeddedStream(folder / DEAD_FILE, clock)
    envelope = entry_envelope(origin)
    return Streams(entries, dead, None, entries.cursors, origin, clock, envelope, local=entries)


def _kafka(parts: SplitResult, folder: Path, clock: Clock, origin: str) -> Streams:
    properties = dict(parse_qsl(parts.query))
    unknown = [name for name in properties if not name.startswith(KAFKA_PROPERTIES)]
    if unknown or _SERVERS.fullmatch(parts.netloc) is None:
        wrong = f"{unknown[0]!r} is no property that may be set" if unknown else "no such servers"
        raise Misconfigured(
            f"TALLYSTICK_STREAM: {wrong}; the form is kafka://host:9092,host2:9092/prefix, behind"
            " it ? and properties such as security.protocol=SSL."
        )
    peer, prefix = KafkaPeer(parts.netloc, properties), _prefix(parts)

    def make(name: str, envelope: Envelope) -> Stream:
        return KafkaStream(peer, f"{prefix}.{name}", envelope)

    return _remote(make, f"kafka://{parts.netloc}/{prefix}", folder, clock, origin)


def _kinesis(parts: SplitResult, folder: Path, clock: Clock, origin: str) -> Streams:
    options = dict(parse_qsl(parts.query))
    endpoint = options.pop("endpoint", None)
    if options or not parts.netloc:
        wrong = f"{next(iter(options))!r} is no option" if options else "there is no region"
        raise Misconfigured(
            f"TALLYSTICK_STREAM: {wrong}; the form is kinesis://region/prefix, behind it where"
            " needed ?endpoint=https://..."
        )
    peer, prefix, owner = KinesisPeer(parts.netloc, endpoint), _prefix(parts), new_guid()

    def make(name: str, envelope: Envelope) -> Stream:
        return KinesisStream(peer, f"{prefix}-{name}", envelope, clock, owner)

    return _remote(make, f"kinesis://{parts.netloc}/{prefix}", folder, clock, origin)


def _prefix(parts: SplitResult) -> str:
    prefix = parts.path.strip("/")
    if _PREFIX.fullmatch(prefix) is None:
        raise Misconfigured(
            f"TALLYSTICK_STREAM: {parts.scheme}:// wants, behind the address and a slash, a prefix"
            " of letters, digits, dots, hyphens and underscores."
        )
    return prefix


def _remote(make: Make, name: str, folder: Path, clock: Clock, origin: str) -> Streams:
    envelope = entry_envelope(origin)
    entries, dead = make("entries", envelope), make("dead", whole_envelope)
    logs = make("logs", log_envelope(origin))
    places = apsw.Connection(str(folder / PLACES_FILE))
    places.set_busy_timeout(BUSY_MS_MAX)
    places.execute(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {UNFOLDED}").fetchall()
    return Streams(
        entries,
        dead,
        logs,
        Cursors(places, clock),
        origin,
        clock,
        envelope,
        relay_name=f"relay {name}",
        log_relay_name=f"log-relay {name}",
        places=places,
    )


BACKENDS: dict[str, Callable[[SplitResult, Path, Clock, str], Streams]] = {
    EMBEDDED: _embedded,
    "kafka": _kafka,
    "kinesis": _kinesis,
}
"""By the scheme of the address; `embedded` is all of one."""
