"""One run from connecting to its result."""

import asyncio
import resource
from typing import BinaryIO
from urllib.parse import urlsplit

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, PermanentError
from tallystick.wiring.load.orders import Orders
from tallystick.wiring.load.plan import Plan
from tallystick.wiring.load.result import Result
from tallystick.wiring.load.run import LOOK_SECONDS, PORTS, Run, Watch


async def put_load(
    plan: Plan,
    orders: Orders,
    clock: Clock,
    watch: Watch = lambda _progress: None,
    keep: BinaryIO | None = None,
) -> tuple[Result, bytes]:
    """Put the planned load on the server; what came back, and which orders were acknowledged.

    A server that closes connections or dies in the middle is no error: what was on its way and
    not tried again is counted as `missing`. With `keep` every answer is written as one JSON line.
    The second value has 1 at the number of each acknowledged order.

    Raises:
        Misconfigured: the URL is none.
        PermanentError: no connection, or what came is no HTTP.
    """
    _check_url(plan.url)
    run = Run(plan, orders, clock, keep)
    cpu = _cpu_seconds()
    beside: list[asyncio.Task[None]] = []
    try:
        await run.open()
        run.begin()
        beside.append(asyncio.create_task(run.watch(watch)))
        if plan.rate is not None:
            beside.append(asyncio.create_task(run.pace()))
        longest = plan.warm_up_seconds + plan.seconds + plan.answer_seconds + plan.retry_seconds
        await asyncio.wait([run.finished], timeout=longest + LOOK_SECONDS)
        run.count_unsent()
    finally:
        for task in beside:
            task.cancel()
        ended = await asyncio.gather(*beside, return_exceptions=True)
        await run.close()
    for error in ended:
        if isinstance(error, Exception):
            raise error
    if run.complaint and not run.tally.statuses and not run.warm.statuses:
        raise PermanentError(f"{plan.url} does not speak HTTP/1.1 as expected: {run.complaint}.")
    return _result(run, _cpu_seconds() - cpu), bytes(run.acknowledged)


def _result(run: Run, cpu_seconds: float) -> Result:
    plan, tally, warm, latencies = run.plan, run.tally, run.warm, run.latencies_us
    requests = latencies.count
    seconds = max((run.last_ns - run.from_ns) / NS_PER_SECOND, 1e-9) if requests else 0.0
    return Result(
        requests=requests,
        orders=tally.orders,
        seconds=round(seconds, 3),
        requests_per_second=round(requests / seconds, 1) if requests else 0.0,
        orders_per_second=round(tally.orders / seconds, 1) if requests else 0.0,
        rate=plan.rate,
        latency_ms_mean=round(latencies.mean / 1e3, 3),
        latency_ms_p50=latencies.quantile(0.50) / 1e3,
        latency_ms_p90=latencies.quantile(0.90) / 1e3,
        latency_ms_p99=latencies.quantile(0.99) / 1e3,
        latency_ms_p999=latencies.quantile(0.999) / 1e3,
        latency_ms_max=latencies.max / 1e3,
        sent_late_ms_p99=run.sent_late_us.quantile(0.99) / 1e3,
        statuses={str(status): count for status, count in sorted(tally.statuses.items())},
        codes=dict(sorted(tally.codes.items())),
        kinds=dict(sorted(tally.kinds.items())),
        good=tally.good,
        rejected=tally.rejected,
        pushed_back=tally.pushed_back,
        wrong=tally.wrong + warm.wrong,
        missing=run.missing,
        unsent=run.unsent,
        dropped=run.dropped,
        retried=run.retried,
        request_bytes=round(tally.request_bytes / requests, 1) if requests else 0.0,
        answer_bytes=round(tally.answer_bytes / requests, 1) if requests else 0.0,
        cpu_us=round(cpu_seconds * 1e6 / max(1, requests + warm.statuses.total()), 1),
        ended=run.ended,
        latency_us_counts=latencies.buckets(),
        complaint=tally.complaint or warm.complaint or run.complaint,
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in PORTS and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        fits = False
    if not fits:
        raise Misconfigured(f"{url!r} is not of the form http://host:port.")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
