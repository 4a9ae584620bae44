"""`tallystick witness`: a small witness server of its own, for the ledgers of others.

It needs nothing of the trading side: a key, a memory, and the keys of the logs that it watches.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallystick.errors import Misconfigured, TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    import socket

    from tallystick.clock import Clock
    from tallystick.ledger.witness.core import Logs, Witness
    from tallystick.wiring.http import Server
    from tallystick.wiring.logs import Line

DATABASE = "witness.db"
KEY = "witness.key"
REQUESTS_AT_ONCE_MAX = 256
"""Connections and requests under way; further ones are told to come back."""
LOOK_SECONDS = 0.05
"""How often it is looked whether the server listens already."""


@click.command(context_settings=CONTEXT)
@click.option("--name", help="Name of a new key: a schema-less URL, such as example.com/witness.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    help="Verifier key of a log to watch, or @FILE; may be given several times.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Watch the logs of a policy file (C2SP tlog-policy).",
)
@click.option(
    "--data",
    default=".tallystick-witness",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the memory: what was cosigned. Never put back an older copy.",
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The witness's private key, made on the first start; by default witness.key in --data.",
)
@click.option(
    "--new-memory", is_flag=True, help="Begin without a memory: this key has never signed before."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8090,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="TCP port; 0 takes a free one.",
)
@JSON
def witness(  # noqa: PLR0913  as many as there are options
    *,
    name: str | None,
    logs: tuple[str, ...],
    policy: Path | None,
    data: Path,
    key: Path | None,
    new_memory: bool,
    host: str,
    port: int,
    as_json: bool,
) -> None:
    """Watch the ledgers of others: cosign each checkpoint that extends the one before.

    A witness never signs two checkpoints of one log that contradict each other, so whoever wants
    its cosignature cannot show different histories to different people. It speaks C2SP
    tlog-witness. Exit code: 0 stopped by a signal, 2 it could not start.

    \b
    Examples:
      tallystick witness --name bob.example/witness --log @alice.vkey
      tallystick witness --policy policy.txt --host 0.0.0.0 --port 8090
      tallystick witness --name w --log @a.vkey --log @b.vkey --data /var/lib/witness --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.http import listen  # noqa: PLC0415  help is shown faster

    try:
        with ExitStack() as opened:
            watched = _logs(logs, policy)
            listener = opened.enter_context(closing(listen(host, port)))
            server = opened.enter_context(
                _opened(watched, data, key or data / KEY, name, new_memory=new_memory)
            )
            _run(server, listener, as_json=as_json)
    except (OSError, TallystickError) as error:
        fail(str(error))


def _logs(lines: Sequence[str], policy: Path | None) -> "Logs":
    """The logs that are to be watched."""
    from tallystick.ledger.vkey import VerifierKey  # noqa: PLC0415
    from tallystick.ledger.witness.core import logs_of  # noqa: PLC0415
    from tallystick.ledger.witness.policy import Policy  # noqa: PLC0415

    keys: list[VerifierKey] = []
    for line in lines:
        try:
            text = Path(line[1:]).read_text() if line.startswith("@") else line
        except (OSError, UnicodeError) as error:
            raise Misconfigured(f"--log {line}: {error}.") from error
        keys += [VerifierKey.parse(each) for each in text.strip().splitlines()]
    if policy is not None:
        keys += [log.key for log in Policy.parse(policy.read_bytes()).logs]
    if not keys:
        raise Misconfigured("Say which logs to watch, with --log VKEY or --policy FILE.")
    return logs_of(keys)


@contextmanager
def _opened(
    logs: "Logs", data: Path, key_file: Path, name: str | None, *, new_memory: bool
) -> Iterator["Witness"]:
    """The witness with its key and its memory, which belong together for ever."""
    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.keys import FileKeyring  # noqa: PLC0415
    from tallystick.ledger.vkey import is_key_name  # noqa: PLC0415
    from tallystick.ledger.witness.core import Witness  # noqa: PLC0415
    from tallystick.ledger.witness.cosignature import witness_key  # noqa: PLC0415
    from tallystick.ledger.witness.heads import SqliteHeads  # noqa: PLC0415

    database = data / DATABASE
    has_key, has_memory = key_file.exists(), database.exists()
    if has_key and not has_memory and not new_memory:
        raise Misconfigured(
            f"There is a key, {key_file}, but no memory, {database}. A witness that forgot what it"
            " signed can be made to contradict itself: put the newest memory back, or take a new"
            " key. If this key has never signed anything, say --new-memory."
        )
    if not has_key and (name is None or not is_key_name(name)):
        raise Misconfigured("A new witness needs a name, such as --name example.com/witness.")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The memory is made before the key: a crash between them leaves nothing that has signed.
    with closing(SqliteHeads(database)) as heads:
        owner = heads.owner()
        if owner is not None and not has_key:
            raise Misconfigured(f"The key of {owner} is missing: there is no {key_file}.")
        signer = FileKeyring.open(key_file, default_name=name or "")
        if name not in (None, signer.name):
            raise Misconfigured(f"The key in {key_file} is called {signer.name}, not {name}.")
        heads.belong_to(witness_key(signer))
        yield Witness(signer, logs, heads, SystemClock())


def _run(witness: "Witness", listener: "socket.socket", *, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first."""
    import uvloop  # noqa: PLC0415

    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.ledger.witness.server import witness_app  # noqa: PLC0415
    from tallystick.wiring import logs  # noqa: PLC0415
    from tallystick.wiring.http import server_for  # noqa: PLC0415

    clock = SystemClock()
    logs.configure(_write, clock, "info")
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with ThreadPoolExecutor(1, thread_name_prefix="witness") as thread:
        app = witness_app(witness, thread, clock)
        server = server_for(app, host, port, requests_max=REQUESTS_AT_ONCE_MAX)
        uvloop.run(_serve(server, listener, clock, _screen(witness, url, as_json=as_json)))


async def _serve(server: "Server", listener: "socket.socket", clock: "Clock", screen: str) -> None:
    from tallystick.wiring.http import heed_signals  # noqa: PLC0415

    heed_signals(server)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await clock.sleep(LOOK_SECONDS)
    if server.started:
        print(screen, flush=True)
    await serving


def _screen(witness: "Witness", url: str, *, as_json: bool) -> str:
    """What a person sees at start: the key to pin, and the line for a log's policy."""
    key = witness.key
    short = key.name.rpartition("/")[2] or "witness"
    sizes = witness.sizes()
    if as_json:
        facts = {"name": key.name, "vkey": str(key), "url": url, "logs": sizes}
        return json.dumps(facts, ensure_ascii=False)
    watched = "".join(f"\n  Watches        {log} ({size} entries)" for log, size in sizes.items())
    return (
        f"\n  {key.name} is a witness.        Stop it with Ctrl-C.\n"
        f"\n  URL            {url}\n  Verifier key   {key}{watched}\n"
        f"\n  For a log's policy file:\n\n  witness {short} {key} {url}\n"
    )


def _write(line: "Line") -> None:
    # Whoever read the lines may go; the witness stays.
    with suppress(BrokenPipeError):
        print(json.dumps(line, ensure_ascii=False, default=str), flush=True)
