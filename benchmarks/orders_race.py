"""Loads on one contender after another, in rotating order, so that a slow moment hits everybody."""

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import msgspec

import measure
import targets
from journals import journal
from orders_figures import Round
from tallystick.ledger import Sealable
from tallystick.wiring.load import Plan, Result
from targets import HERE, Target

WARM_UP_SECONDS = 2.0
"""Load on each contender before the first round."""
SETTLE_SECONDS = 1.0
"""Rest between two loads, so that one server's afterwork is not the next one's burden."""
GOOD_SHARE_MIN = 0.99
"""Share of the orders that must be filled for a figure to count."""
LATE_SECONDS_MAX = 60.0
"""How much longer than planned a load process may take before it is killed."""
CONNECTIONS = 64

Say = Callable[[str, float], None]
"""(what, share of it that is done)."""


class RaceError(Exception):
    """A figure would have been wrong."""


class Contender(Protocol):
    """One that can be put under load."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def go(self, number: int, seconds: float, say: Say) -> Round:
        """One load."""
        ...


class Server:
    """A server under HTTP load, from a process of its own."""

    def __init__(
        self, target: Target, *, pin: bool = False, sized_like: "Server | None" = None
    ) -> None:
        """With `sized_like` its path is asked for answers as long as the other one's last were."""
        self.target = target
        self.answer_bytes = 0.0
        self._pin = pin
        self._sized_like = sized_like

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.target.name

    def go(self, number: int, seconds: float, say: Say) -> Round:
        """One load.

        Raises:
            RaceError: the answers were not filled orders.
        """
        time.sleep(SETTLE_SECONDS)
        target = self.target
        pids = (target.pid, target.database_pid)
        before = [measure.cpu_seconds(pid) for pid in pids]
        load = self._load(self._plan(seconds), seconds, say)
        used = [measure.cpu_seconds(pid) - at for pid, at in zip(pids, before, strict=True)]
        orders = load.requests * target.batch
        if load.failures or load.good < orders * GOOD_SHARE_MIN:
            raise RaceError(
                f"{target.name}: only {load.good:,} of {orders:,} orders were filled;"
                f" {load.failures}, statuses {load.statuses}, codes {load.codes}"
            )
        self.answer_bytes = load.answer_bytes
        server, database = (round(seconds * 1e6 / orders, 2) for seconds in used)
        return Round(
            number=number,
            name=target.name,
            orders_per_second=round(load.requests_per_second * target.batch, 1),
            latency_ms_p50=load.latency_ms_p50,
            latency_ms_p99=load.latency_ms_p99,
            latency_ms_max=load.latency_ms_max,
            server_cpu_us=server,
            database_cpu_us=database,
            load_cpu_us=round(load.cpu_us / target.batch, 2),
            request_bytes=load.request_bytes,
            answer_bytes=load.answer_bytes,
        )

    def _plan(self, seconds: float) -> Plan:
        target, path = self.target, self.target.path
        if path is not None and self._sized_like is not None:
            path += f"?bytes={self._sized_like.answer_bytes:.0f}"
        return Plan(
            url=target.url,
            token=target.token,
            prefix=f"bench-{secrets.token_hex(4)}",
            account=target.account,
            accounts=target.accounts,
            batch=target.batch,
            connections=target.connections or CONNECTIONS,
            seconds=seconds,
            path=path,
            echo=target.path is None,
        )

    def _load(self, plan: Plan, seconds: float, say: Say) -> Result:
        """Runs the load generator in its own process, with a moving bar."""
        command = [
            *targets.pinned(targets.LOAD_CORE, pin=self._pin),
            sys.executable, str(HERE / "load_process.py"),
        ]  # fmt: skip
        start = time.monotonic()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(plan))
            process.stdin.close()
            process.stdin = None  # so that `communicate` leaves it alone
            while process.poll() is None:
                took = time.monotonic() - start
                say(self.name, min(1.0, took / seconds))
                if took > seconds + LATE_SECONDS_MAX:
                    process.kill()
                time.sleep(0.1)
            output, errors = process.communicate()
        if process.returncode:
            raise RaceError(f"{self.name}: {errors.decode().strip() or 'the load was killed'}")
        return msgspec.json.decode(output, type=Result)


class Journal:
    """A bare journal that takes the same bytes, in batches, one after the other."""

    def __init__(
        self, name: str, folder: Path, dsn: str | None, entries: Sequence[bytes], batch: int
    ) -> None:
        """`entries` are real ones, taken again and again; SQLite in `folder` without a `dsn`."""
        self.name = name
        self._batch = [Sealable(entries[number % len(entries)]) for number in range(batch)]
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._track = self._runner.run(self._stack.enter_async_context(journal(folder, dsn)))

    def go(self, number: int, seconds: float, say: Say) -> Round:
        """One load, in this process."""
        time.sleep(SETTLE_SECONDS)
        say(self.name, 0.0)
        found = self._runner.run(self._appended(number, seconds))
        self._track.fold()  # what the product does meanwhile in the background
        say(self.name, 1.0)
        return found

    def close(self) -> None:
        """Let go of the database."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _appended(self, number: int, seconds: float) -> Round:
        took: list[float] = []
        cpu, start = time.process_time(), time.perf_counter()
        while (began := time.perf_counter()) - start < seconds:
            await self._track.append(self._batch)
            took.append(time.perf_counter() - began)
        spent = time.perf_counter() - start
        orders = len(took) * len(self._batch)
        took.sort()
        return Round(
            number=number,
            name=self.name,
            orders_per_second=round(orders / spent, 1),
            latency_ms_p50=round(took[len(took) // 2] * 1e3, 3),
            latency_ms_p99=round(took[int(len(took) * 0.99)] * 1e3, 3),
            latency_ms_max=round(took[-1] * 1e3, 3),
            server_cpu_us=round((time.process_time() - cpu) * 1e6 / orders, 2),
            database_cpu_us=0.0,
            load_cpu_us=0.0,
            request_bytes=float(sum(len(each.entry) for each in self._batch)),
            answer_bytes=0.0,
        )


def race(contenders: Sequence[Contender], rounds: int, seconds: float, say: Say) -> list[Round]:
    """Warms everybody up, then measures them in rotating order."""
    total = len(contenders) * (WARM_UP_SECONDS + rounds * seconds)
    done = 0.0

    def said(name: str, share: float) -> None:
        say(name, (done + share * lasts) / total)

    found: list[Round] = []
    for number in range(rounds + 1):
        turn = number % len(contenders)
        lasts = seconds if number else WARM_UP_SECONDS
        for contender in [*contenders[turn:], *contenders[:turn]]:
            one = contender.go(number, lasts, said)
            done += lasts
            if number:
                found.append(one)
    return found
