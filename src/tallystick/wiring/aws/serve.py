"""The same door as one long-lived process, for Fargate: `python -m tallystick.wiring.aws.serve`.

It takes the settings of the order function and answers the same operations. What differs is its
life: orders that come together are committed together, other writers are heard while it waits, and
it ends in order when it is told to. Behind it stands a load balancer that speaks TLS to it with
whatever certificate it shows; so one is made at each start.
"""

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock
from tallystick.durable import write_aside
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.wiring.aws.door import door_of
from tallystick.wiring.aws.loops import again
from tallystick.wiring.aws.runtime import Parts, Trading, open_parts, scratch
from tallystick.wiring.aws.telemetry import configure, logger
from tallystick.wiring.aws.tokens import SecretTokens

HOST = "0.0.0.0"  # noqa: S104  a container behind a load balancer
PORT = 8443
LOOK_SECONDS = 0.1
"""How often it is looked what others appended, and whether a secret is due."""
GRACE_SECONDS = 20
"""Requests that run may go on for so long after SIGTERM."""
CERTIFICATE_DAYS = 30
"""A container that runs for longer is replaced by a deployment before."""


async def serve(clock: Clock, host: str = HOST, port: int = PORT) -> None:
    """Answer until SIGTERM.

    Raises:
        Misconfigured, Corrupt, Forked, TemporaryError: with a sentence for the operator.
    """
    with ExitStack() as undo:
        parts = open_parts(os.environ, clock)
        undo.callback(parts.close)
        configure(parts.settings.log_level)
        folder = scratch(f"serve-{os.getpid()}", tempfile.gettempdir())
        tokens = _tokens_of(parts, folder)
        trading = Trading(parts)
        undo.pop_all()
    certificate, key = _certificate(folder, clock)
    config = uvicorn.Config(
        door_of(trading, tokens.tokens, folder), host=host, port=port, log_level="warning",
        access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=certificate, ssl_keyfile=key,
    )  # fmt: skip
    server = uvicorn.Server(config)
    works: list[Coroutine[Any, Any, None]] = [
        _follow(trading, tokens), again(trading.feed.run, clock),
    ]  # fmt: skip
    beside = [asyncio.create_task(work) for work in works]
    for task in beside:
        task.add_done_callback(partial(_ended, server))
    try:
        await server.serve()
    finally:
        for task in beside:
            task.cancel()
        ended = await asyncio.gather(*beside, return_exceptions=True)
        await trading.close()
    for error in ended:
        if isinstance(error, Exception):
            raise error


def _ended(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    """Who no longer follows the ledger or the prices must not go on answering."""
    if not task.cancelled():
        logger.error("wiring.part_ended", body=str(task.exception() or "The desk has ended."))
    server.should_exit = True


async def _follow(trading: Trading, tokens: SecretTokens) -> None:
    """Take in what others append, until the desk has ended.

    Raises:
        PermanentError: the ledger is not what it was, or the tokens are none.
    """
    while not trading.failed:
        try:
            await trading.patience.end()
            await trading.patience.begin(writes=False)
            await asyncio.to_thread(tokens.refresh)
            if trading.ledger.catch_up():
                trading.desk.refresh()
        except TemporaryError as error:
            logger.warning("wiring.part_waits", body=str(error))
        await trading.parts.clock.sleep(LOOK_SECONDS)


def _tokens_of(parts: Parts, folder: Path) -> SecretTokens:
    if parts.settings.tokens is None:
        raise Misconfigured("TALLYSTICK_TOKENS must name the secret with the tokens.")
    return SecretTokens(parts.settings.tokens, folder / "tokens.json", parts.clock)


def _certificate(folder: Path, clock: Clock) -> tuple[Path, Path]:
    """A certificate of its own, which nobody has to trust: its file, and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tallystick")])
    now = datetime.fromtimestamp(clock.now_ns() // NS_PER_SECOND, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = certificate.public_bytes(Encoding.PEM)
    return write_aside(folder / "certificate.pem", public), write_aside(folder / "key", private)


if __name__ == "__main__":
    asyncio.run(serve(SystemClock()))
