"""Syslog as a destination: RFC 5424 messages over TCP (RFC 6587, octet counting), TLS or UDP.

The protocol has no acknowledgement. Over TCP and TLS a batch counts as taken when the peer's
kernel has it; what a peer loses after that it loses without a word. Over UDP nothing is promised.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from typing import Literal

import msgspec

from tallystick.clock import Clock, parse_rfc3339
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.forward.destination import Numbered
from tallystick.watch.collect.lines import decode_line

LINES_MAX = 1_000
BYTES_MAX = 1_000_000
CONNECT_SECONDS_MAX = 10.0
UDP_BYTES_MAX = 65_507 - 512
"""Longest message in one datagram."""
_SEVERITY = {"TRACE": 7, "DEBUG": 7, "INFO": 6, "WARN": 4, "WARNING": 4, "ERROR": 3, "FATAL": 2}
_INFORMATIONAL = 6
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")
_NAME_END = re.compile(r'[=\s\]"]')
_BOM = b"\xef\xbb\xbf"
PARAMETERS_MAX = 64
"""Most members told as structured data; the message holds the whole line anyway."""
NAME_CHARACTERS_MAX = 32


class SyslogSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="syslog", tag_field="type"
):
    """Where a syslog server is."""

    name: str
    host: str
    port: int = 6514
    transport: Literal["tcp", "tls", "udp"] = "tls"
    facility: int = 16
    """0 to 23; 16 is local0."""
    sd_id: str = "tallystick@32473"
    """The id of the structured data: a name and a private enterprise number."""
    ca_file: str | None = None
    """Certificates to trust instead of the machine's."""
    indexes: tuple[str, ...] = ()
    """Forward these indexes only."""


class Syslog:
    """One server, over one connection."""

    lines_max = LINES_MAX
    bytes_max = BYTES_MAX

    def __init__(self, settings: SyslogSettings, _clock: Clock) -> None:
        if not 0 <= settings.facility < 24:
            raise Misconfigured("A syslog facility is 0 to 23.")
        self._settings = settings
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._datagrams: asyncio.DatagramTransport | None = None

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Write the messages; a connection that the peer closed is opened anew first."""
        messages = [message(each, self._settings) for each in lines]
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                if self._settings.transport == "udp":
                    await self._send_datagrams(messages)
                else:
                    await self._write(messages)
        except (OSError, TimeoutError) as error:
            await self.close()
            raise TemporaryError(
                f"{self._settings.host} cannot be reached ({type(error).__name__})."
            ) from error
        return 0

    async def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def _write(self, messages: Sequence[bytes]) -> None:
        if self._reader is not None and self._reader.at_eof():
            await self.close()  # the peer ended the connection between two batches
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._settings.host, self._settings.port, ssl=self._tls()
            )
        self._writer.write(b"".join(b"%d %b" % (len(each), each) for each in messages))
        await self._writer.drain()

    async def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        if self._datagrams is None:
            loop = asyncio.get_running_loop()
            peer = (self._settings.host, self._settings.port)
            self._datagrams, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=peer
            )
        for each in messages:
            self._datagrams.sendto(each[:UDP_BYTES_MAX])

    def _tls(self) -> ssl.SSLContext | None:
        if self._settings.transport != "tls":
            return None
        return ssl.create_default_context(cafile=self._settings.ca_file)


def message(each: Numbered, settings: SyslogSettings) -> bytes:
    """The line as an RFC 5424 message: its own sentence, or the whole line, as MSG."""
    members = decode_line(each.line)
    severity = _SEVERITY.get(str(members.get("severity_text", "")).upper(), _INFORMATIONAL)
    body = members.get("body")
    said = body.encode() if isinstance(body, str) else each.line
    header = " ".join(
        (
            f"<{settings.facility * 8 + severity}>1",
            _stamp(members.get("timestamp")),
            _name(members.get("host.name"), 255),
            _name(members.get("service.name"), 48),
            "-",
            _name(members.get("event_name"), 32),
            _structured(each.seq, members, settings.sd_id),
        )
    )
    return header.encode() + b" " + _BOM + said


def _stamp(value: object) -> str:
    """At most six digits of a second, as section 6.2.3 has it; `-` where there is no time."""
    text = str(value)
    try:
        parse_rfc3339(text)
    except ValueError:
        return "-"
    return re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)


def _name(value: object, characters_max: int) -> str:
    text = _NOT_PRINTABLE.sub("_", str(value)) if value is not None else ""
    return text[:characters_max] or "-"


def _structured(seq: int, members: dict[str, object], sd_id: str) -> str:
    """Every plain member as a parameter (section 6.3), names as printable ASCII."""
    told: dict[str, object] = {SEQ_FIELD: seq}
    for name, value in members.items():
        if name not in {"timestamp", "body"} and not isinstance(value, dict | list | None):
            told[_NAME_END.sub("_", _name(name, NAME_CHARACTERS_MAX))] = value
    parameters = [f'{name}="{_escaped(value)}"' for name, value in told.items()][:PARAMETERS_MAX]
    return f"[{' '.join((sd_id, *parameters))}]"


def _escaped(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r'([\\"\]])', r"\\\1", text)
