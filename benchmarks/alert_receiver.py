"""Where alerts arrive: an HTTP and an SMTP server on loopback that note when.

Of a webhook the first byte of the request counts, of a letter the last: its dot. Both are read in a
thread of their own and only looked at afterwards.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default

import msgspec

from ports import LOOPBACK
from tallystick.watch.notify import Alert

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Message(msgspec.Struct, frozen=True):
    """What is looked at of a webhook's message; the newest alert comes first."""

    incident: str
    why: str
    alerts: tuple[Alert, ...] = ()


class _Body(msgspec.Struct, frozen=True):
    message: Message


class Receiver:
    """What arrived and when, by CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self.http_port = self.smtp_port = 0
        self._posted: list[tuple[int, bytes]] = []  # bounded by: the run
        self._letters: list[tuple[int, bytes]] = []  # bounded by: the run

    def messages(self) -> list[tuple[int, Message]]:
        """What was posted, in order."""
        decode = msgspec.json.Decoder(_Body).decode
        return [(at_ns, decode(body).message) for at_ns, body in self._posted]

    def letters(self) -> dict[str, int]:
        """By incident, when its first letter was there."""
        found: dict[str, int] = {}
        for at_ns, data in self._letters:
            letter = message_from_bytes(data, policy=default)
            found.setdefault(str(letter["X-Tallystick-Incident"]), at_ns)
        return found

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection that is kept."""
        while first := await reader.read(1):
            at_ns = time.monotonic_ns()
            head = first + await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self._posted.append((at_ns, await reader.readexactly(length)))
            writer.write(TAKEN)
        writer.close()

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One letter after the other, as RFC 5321 has it, without any extension."""
        writer.write(b"220 bench\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                self._letters.append((time.monotonic_ns(), letter))
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                break
        writer.close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver, ready = Receiver(), threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def listen() -> None:
        http = await asyncio.start_server(receiver.http, LOOPBACK, 0)
        smtp = await asyncio.start_server(receiver.smtp, LOOPBACK, 0, limit=1 << 20)
        receiver.http_port = http.sockets[0].getsockname()[1]
        receiver.smtp_port = smtp.sockets[0].getsockname()[1]
        ready.set()
        await ended.wait()
        for server in (http, smtp):
            server.close()
        for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(listen(),), name="receiver")
    thread.start()
    ready.wait()
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
