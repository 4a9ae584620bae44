"""The composition root of the single-process topology: a straight line of constructors."""

import asyncio
import gc
import os
import random
import sys
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from starlette.requests import Request

from tallystick.access import Principal, Tokens
from tallystick.api import Api, Calls, Metrics, Services
from tallystick.api.calls import OrderLine
from tallystick.api.followers import Followers
from tallystick.api.metrics import Gauge
from tallystick.api.price_socket import price_socket_route
from tallystick.api.price_stream import PriceStream
from tallystick.api.splunk import splunk_routes
from tallystick.clock import Clock
from tallystick.errors import TemporaryError
from tallystick.execution import Book, Desk, History, LimitsText, QuoteBoard
from tallystick.execution.book import restore
from tallystick.execution.financing import EndOfDay
from tallystick.execution.margin_call import MarginMonitor
from tallystick.execution.quotes import LiveSource, PriceFeed, Source
from tallystick.execution.rfq import ParityPoints
from tallystick.execution.trial import TrialBalances
from tallystick.fx import PAIRS, spot_date, trade_date
from tallystick.ledger import Ledger, Publisher
from tallystick.stream.open import DATABASES as STREAM_DATABASES
from tallystick.watch.collect.redact import Unmasker
from tallystick.web import LiveHub, live_route, page_routes
from tallystick.wiring import logs, tasks
from tallystick.wiring.alarming import Alarming
from tallystick.wiring.alerting import Alerting
from tallystick.wiring.approvers import approvers_of
from tallystick.wiring.archiving import archive_of
from tallystick.wiring.collecting import Collecting
from tallystick.wiring.demo_access import DEMO_ACCOUNT, demo_facts
from tallystick.wiring.detecting.detecting import Detecting
from tallystick.wiring.facts import save_facts
from tallystick.wiring.gauges import Measured, gauges_of
from tallystick.wiring.ledger import PUBLISHED, cosigner_of, lock_folder, open_parts, store_of
from tallystick.wiring.machine import machine_of
from tallystick.wiring.prices import rates_of, session_by, sources_of, use_calendars
from tallystick.wiring.proving import proofs_of
from tallystick.wiring.publishing import Publishing
from tallystick.wiring.sampling import samples_of
from tallystick.wiring.saying import Saying
from tallystick.wiring.settings import Settings
from tallystick.wiring.subjects import append_by, subjects_of
from tallystick.wiring.traces import begin_of, traces_of

DEMO_LIMITS = LimitsText(
    order_quantity_max="50000000",
    position_usd_max="1000000000000.00",
    collar_bps=500,
    duplicate_window_ms=1_000,
    duplicates_max=1_000,
)
"""A practice account: wide enough for load tests, still with every rule in force."""
WAL_DATABASES = ("ledger.db", "projections.db", "notify.db", "alarms.db", *STREAM_DATABASES)
"""Databases whose write-ahead logs are folded back in the background."""
SAY_SECONDS_MAX = 1.5
"""How long a stop waits for a remote stream to take what was not said yet."""
SWITCH_SECONDS = 0.0005
"""How long a thread may hold the interpreter while another waits: with Python's 5 ms the event
loop would wait that long for each batch's commit to be reported."""
GC_GENERATION_0 = 200_000
"""Allocations between looks of the garbage collector: values here make no cycles."""

_log = structlog.get_logger("wiring")


class Single:
    """The whole product in one process. `start` it inside an event loop, `stop` it there too."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        port: int | None = None,
        sources: Sequence[Source | LiveSource] | None = None,
    ) -> None:
        """Open everything; nothing runs yet. `port` is where the listener already is.

        `sources` of prices, where they are not those of the settings.

        The facts are kept last: a start that fails leaves those of the run before it.

        Raises:
            Misconfigured, Corrupt: with a sentence for the operator.
        """
        self._closing = ExitStack()
        try:
            self._open(settings, clock, port, sources)
        except BaseException:
            self._closing.close()
            raise

    def _open(
        self,
        settings: Settings,
        clock: Clock,
        port: int | None,
        sources: Sequence[Source | LiveSource] | None,
    ) -> None:
        """The straight line of constructors; what has to be closed is noted as it is opened."""
        closing = self._closing.callback
        folder = settings.folder
        closing(os.close, lock_folder(folder))
        self.settings = settings
        self.clock = clock
        self.tokens = Tokens(folder / "tokens.json", clock)
        self.collecting = Collecting(settings, clock)
        closing(self.collecting.close)
        opened = open_parts(settings, clock)
        closing(opened.close)
        self.ledger = opened.ledger
        self.facts = demo_facts(folder, self.tokens)
        self.publisher = Publisher(store_of(settings, clock), folder / PUBLISHED)
        closing(self.publisher.close)
        self.history = History(folder / "projections.db", self.ledger)
        closing(self.history.close)
        use_calendars(settings)
        self.board = QuoteBoard()
        self.feed = PriceFeed(sources or sources_of(settings, clock), self.board, clock)
        self.desk = Desk(
            self.ledger,
            _book(self.history, self.ledger),
            self.board,
            clock,
            lambda at_ns: self.prices.session(at_ns).open,
        )
        self.margin = MarginMonitor(self.desk)
        self.rates = rates_of(settings)
        self.end_of_day = EndOfDay(self.desk, self.rates, clock)
        self.subjects = subjects_of(settings, self.ledger, self.desk, self.history, clock)
        closing(self.subjects.close)
        self.alerting = Alerting(settings, clock)
        self.notifier = self.alerting.notifier
        self.saying = Saying(settings, self.ledger, self.collecting.store, self.notifier, clock)
        self.hub = LiveHub()
        self.detecting = Detecting(
            settings, self.saying.relay, self.notifier, self.hub, self.collecting, clock
        )
        closing(self.detecting.close)
        self.archive = archive_of(
            settings, self.collecting, self.ledger, self.desk, folder / PUBLISHED, clock
        )
        if self.archive is not None:
            closing(self.archive.close)
        self.traces = traces_of(settings, clock, random.Random())  # noqa: S311  sampling
        if self.traces is not None:
            closing(self.traces.close)
        self.live = tasks.LiveFeed(self.hub, self.ledger, self.board, self.detecting.alerts, clock)
        self.calls = Calls(clock, self._hear_order if logs.says_info(settings.log_level) else None)
        self.followers = Followers(self.ledger, clock)
        self.prices = PriceStream(self.board, clock, session_by(settings))
        self.publishing = Publishing(
            self.publisher, self.ledger, clock, cosigner_of(settings, self.ledger.vkeys, clock)
        )
        self.machine = machine_of(settings, clock, lambda at_ns: self.prices.session(at_ns).open)
        self.alarming = self._alarms()
        self.app = self._api(folder / PUBLISHED)
        self._folding = ThreadPoolExecutor(1, thread_name_prefix="fold-wal")
        self._tasks: list[asyncio.Task[None]] = []
        self._desk_task: asyncio.Task[None] | None = None
        self.listen_on(settings.port if port is None else port)

    def _alarms(self) -> Alarming:
        measured = self._measured()
        alarming = Alarming(
            self.settings,
            self.ledger,
            self.saying.relay,
            self.collecting.search,
            self.detecting.found,
            self.notifier,
            lambda: samples_of(self.calls, partial(gauges_of, measured)),
            self.clock,
        )
        self._closing.callback(alarming.close)
        self.alerting.chart_of = alarming.alarms.chart
        self.alerting.receipt_of = self.ledger.receipt
        self.alerting.proofs |= proofs_of(alarming.runner, self.ledger, self.clock)
        self.detecting.alerts.follow(alarming.runner.on_anomalies)
        self.detecting.alerts.told_by_alarm = alarming.tells_detector
        self.saying.told_by_alarm = alarming.tells_rule
        self.saying.rules.hear = alarming.runner.hear
        return alarming

    async def start(self) -> None:
        """Begin: logs, prices, the desk, the relay and all that follows it."""
        logs.configure(self._hear, self.clock, self.settings.log_level)
        self.collecting.start()
        self.board.listen(self.desk.on_quotes)
        self.board.listen(self.margin.on_quotes)
        self.board.listen(self.detecting.hearing.quotes)
        self.desk.on_snapshot = self._keep
        self.feed.ask()
        self._desk_task = asyncio.create_task(self.desk.run(), name="desk")
        await self._open_demo_account()
        await self.subjects.start()
        await self.alerting.start()
        for name, work in self._works():
            self._tasks.append(asyncio.create_task(work, name=name))
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_GENERATION_0, 50, 50)
        _log.info("wiring.started", **{"ledger.size": self.ledger.size, "url": self.facts.url})

    def failure(self) -> BaseException | None:
        """Why a loop of the process ended, if one did: the process must then stop."""
        watched = [*self._tasks, *([self._desk_task] if self._desk_task else [])]
        for task in watched:
            if task.done() and not task.cancelled() and task.exception():
                return task.exception()
        return None

    async def stop(self) -> None:
        """End in the order of the way: what was acknowledged is said, kept and published.

        After a part has failed things are only closed: a start does the rest, from the ledger.
        """
        _log.info("wiring.stopping", **{"ledger.size": self.ledger.size})
        self.end_streams()
        await self._end_works()
        if self.failure() is None:
            await self._keep_all()
        await self._let_go()

    async def give_up(self) -> None:
        """Let go of everything after a start that failed; nothing of it was acknowledged."""
        await self._end_works()
        await self._let_go()

    async def _end_works(self) -> None:
        self.desk.close()
        if self._desk_task is not None:
            await asyncio.wait([self._desk_task], timeout=2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _let_go(self) -> None:
        await self.alerting.stop()
        await self.publishing.close()
        self._folding.shutdown()
        self.collecting.end_intake()
        await self.saying.close()
        self.close()

    async def _keep_all(self) -> None:
        try:
            async with asyncio.timeout(SAY_SECONDS_MAX):
                await self.saying.relay.publish()
        except (TemporaryError, TimeoutError) as error:
            _log.warning("wiring.said_later", body=str(error) or "The stream takes too long.")
        try:
            self.desk.snapshot()
            self.history.fold()
            await self.publishing.publish()
        except TemporaryError as error:  # the store is away: a start does it
            _log.warning("wiring.kept_later", body=str(error))

    def end_streams(self) -> None:
        """Let go of whoever follows: their requests would never end by themselves."""
        self.hub.close()
        self.followers.close()
        self.prices.close()
        self.collecting.end_streams()

    def close(self) -> None:
        """Let go of every file."""
        self._closing.close()
        gc.unfreeze()  # what a start froze may be collected again, with all that it holds

    def _works(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        yield from self.saying.works()
        yield from self.collecting.works()
        yield from self.detecting.works()
        yield from self.alerting.works()
        yield from self.alarming.works()
        if self.archive is not None:
            yield "archive", tasks.patiently("archive", self.archive.run, self.clock)
        yield "prices", self.feed.run()
        yield "expire", tasks.expire(self.desk, self.clock)
        yield "margin", self.margin.run(self.clock)
        end_of_day = self.end_of_day.run
        yield "end-of-day", tasks.patiently("end-of-day", end_of_day, self.clock)
        yield "publish", tasks.patiently("publish", self.publishing.run, self.clock)
        if self.settings.ledger_on_postgres:
            follow = partial(tasks.follow_writers, self.ledger, self.desk)
            yield "writers", tasks.patiently("writers", follow, self.clock)
        databases = [self.settings.folder / name for name in WAL_DATABASES]
        databases = [path for path in databases if path.exists()]
        yield "wals", tasks.fold_wals(databases, self._folding, self.clock)
        fold = partial(tasks.fold, self.history, self.clock)
        yield "fold", tasks.patiently("fold", fold, self.clock)
        yield "subjects", tasks.patiently("subjects", self.subjects.run, self.clock)
        yield "live", self.live.run()
        yield "live-orders", tasks.patiently("live", self._feed_live, self.clock)

    async def _feed_live(self) -> None:
        await self.saying.relay.feed("live", self.live.take, self.ledger.size)

    def _api(self, published: Path) -> Api:
        services = Services(
            clock=self.clock,
            tokens=self.tokens,
            desk=self.desk,
            history=self.history,
            ledger=self.ledger,
            board=self.board,
            ingest=self.collecting.ingest,
            search=self.collecting.search,
            tails=self.collecting.tails,
            rules=self.saying.rules,
            unmasker=self._unmasker(),
            archive=self.archive,
            found=self.detecting.found,
            judging=self.detecting.judging,
            models=self.detecting.models,
            detection=self.detecting.stands,
            notifier=self.notifier,
            alarms=self.alarming.alarms,
            on_call=self.alerting.on_call,
            calendar_key=self.alerting.link_key,
            started_ns=self.clock.now_ns(),
            published=published,
            subjects=self.subjects,
            followers=self.followers,
            prices=self.prices,
            points=ParityPoints(self.rates.yearly, self.rates.source),
            trial_balances=TrialBalances(self.ledger),
            hec_token=self.facts.hec_token,
            ledger_public=self.settings.ledger_public,
            ledger_tiles_public=self.settings.ledger_tiles_read == "public",
            ledger_add=self.settings.ledger_add,
            approvers=approvers_of(self.settings),
            traced=begin_of(self.traces),
            ready=self._missing,
        )
        more = [
            *page_routes(),
            live_route(self.hub, self._principal_of),
            price_socket_route(self.prices, self.tokens, self.calls),
            *splunk_routes(services),
            *self.alerting.routes(),
        ]
        return Api(services, self.calls, Metrics(self.calls, self._gauges), more)

    def _gauges(self) -> Iterator[Gauge]:
        yield from gauges_of(self._measured())
        for told in self.alarming.alarms.gauges():
            yield Gauge(*told)

    def _measured(self) -> Measured:
        return Measured(
            self.ledger, self.publishing, self.saying, self.detecting, self.collecting,
            self.archive, self.followers, self.prices, self.hub, self.machine, self.alerting,
        )  # fmt: skip

    def _unmasker(self) -> Unmasker:
        collecting = self.collecting
        append = append_by(self.desk)
        return Unmasker(collecting.store, collecting.originals, collecting.redactor, append)

    def _principal_of(self, request: Request) -> Principal:
        return self.tokens.principal(request.headers.get("authorization"))

    def _hear(self, line: logs.Line) -> None:
        self.detecting.hearing.line(line)
        self.live.offer(line)
        self.collecting.intake.offer(line)

    def _hear_order(self, line: OrderLine, at_ns: int) -> None:
        self.detecting.hearing.order(line, at_ns)
        self.live.offer(line)
        self.collecting.intake.offer(line)

    def _keep(self, size: int, book: bytes) -> None:
        self.history.keep(size, self.ledger.root(size), book)

    def _missing(self) -> str | None:
        if self.failure() is not None:
            return "A part of the process has ended."
        if not self.board.all():
            return "There are no prices yet."
        return self.publishing.away

    async def _open_demo_account(self) -> None:
        if DEMO_ACCOUNT not in self.desk.book.accounts:
            await self.desk.open_account(DEMO_ACCOUNT, DEMO_LIMITS)

    def listen_on(self, port: int) -> None:
        """Keep the facts, naming this port: whoever reads them may connect."""
        host = self.settings.host
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{port}"
        self.facts = msgspec.structs.replace(self.facts, url=url, vkey=str(self.ledger.vkey))
        save_facts(self.settings.folder, self.facts)


def _book(history: History, ledger: Ledger) -> Book:
    """The book of the last snapshot where it fits this ledger and version, else an empty one."""
    kept = history.kept()
    if kept is None:
        return Book()
    position, root, data = kept
    if position > ledger.size or ledger.root(position) != root:
        return Book()
    try:
        return restore(data)
    except msgspec.DecodeError as error:  # another version's: fold from the beginning
        _log.info("wiring.snapshot_void", body=str(error))
        return Book()


def warm_up(clock: Clock) -> None:
    """Work out today's spot dates, so that the first order does not pay for the calendars."""
    for pair in PAIRS.values():
        spot_date(pair, trade_date(clock.now_ns(), pair))
