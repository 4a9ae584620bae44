"""Operations, planted: what somebody on call would want to be woken by."""

from typing import Final

from tallystick.watch.detect.trades import calls
from tallystick.watch.detect.trades.kinds.kind import MINUTE, Deed, Kind, Stage
from tallystick.watch.detect.trades.market import LISTINGS
from tallystick.watch.detect.trades.services import SERVICES

_ROUTES: Final = (
    calls.PLACE, calls.LOOK_PRICES, calls.LOOK_ORDER, calls.CANCEL, calls.LOOK_POSITIONS,
    calls.LOOK_ORDERS, calls.LOOK_ACCOUNT, calls.PRECHECK,
)  # fmt: skip
_LIVELY: Final = tuple(one.symbol for one in LISTINGS if one.pace >= 0.5)
_TALKERS: Final = tuple(one for one in SERVICES if not one.batch)


def _route_errors(stage: Stage) -> Deed:
    share, minutes = {"obvious": (0.8, 2.0), "moderate": (0.25, 5.0), "subtle": (0.06, 10.0)}[
        stage.level
    ]
    route = _ROUTES[stage.number % len(_ROUTES)]
    failing = stage.desk.routes.failing
    stage.desk.at(stage.at_ns, lambda _now: failing.__setitem__(route, share))
    stage.desk.at(stage.then(minutes * MINUTE), lambda _now: failing.pop(route, None))
    note = f"{share:.0%} of the calls fail for {minutes:.0f} min"
    return Deed(minutes * MINUTE, note, routes=(" ".join(route),))


def _route_latency(stage: Stage) -> Deed:
    more_ms, minutes = {"obvious": (1_500, 3.0), "moderate": (120, 5.0), "subtle": (25, 8.0)}[
        stage.level
    ]
    route = _ROUTES[(stage.number + 3) % len(_ROUTES)]
    slow = stage.desk.routes.slow
    stage.desk.at(stage.at_ns, lambda _now: slow.__setitem__(route, more_ms * 1_000.0))
    stage.desk.at(stage.then(minutes * MINUTE), lambda _now: slow.pop(route, None))
    note = f"every call waits about {more_ms} ms longer for {minutes:.0f} min"
    return Deed(minutes * MINUTE, note, routes=(" ".join(route),))


def _stale_prices(stage: Stage) -> Deed:
    minutes = {"obvious": 20.0, "moderate": 5.0, "subtle": 2.0}[stage.level]
    pair = _LIVELY[stage.number % len(_LIVELY)]
    ticker = stage.ticker(pair)
    until_ns = stage.then(minutes * MINUTE)
    frozen = stage.number % 2 == 1

    def begin(_now: int) -> None:
        if frozen:
            ticker.frozen_until = until_ns
        else:
            ticker.silent_until = until_ns

    stage.desk.at(stage.at_ns, begin)
    note = f"{pair} {'keeps repeating one price' if frozen else 'is silent'} for {minutes:.0f} min"
    return Deed(minutes * MINUTE, note, pairs=(pair,))


def _crossed_quotes(stage: Stage) -> Deed:
    seconds = {"obvious": 300.0, "moderate": 45.0, "subtle": 12.0}[stage.level]
    pair = _LIVELY[(stage.number + 2) % len(_LIVELY)]
    ticker = stage.ticker(pair)
    stage.desk.at(stage.at_ns, lambda _now: setattr(ticker, "crossed", True))
    stage.desk.at(stage.then(seconds), lambda _now: setattr(ticker, "crossed", False))
    return Deed(seconds, f"{pair} is quoted with its bid above its ask for {seconds:.0f} s",
                pairs=(pair,))  # fmt: skip


def _log_silence(stage: Stage) -> Deed:
    minutes = {"obvious": 15.0, "moderate": 5.0, "subtle": 1.0}[stage.level]
    service = _TALKERS[stage.number % len(_TALKERS)]
    silent = stage.services.silent
    until_ns = stage.then(minutes * MINUTE)
    stage.desk.at(stage.at_ns, lambda _now: silent.__setitem__(service.name, until_ns))
    note = f"{service.name} logs nothing for {minutes:.0f} min"
    return Deed(minutes * MINUTE, note, services=(f"{service.belongs} {service.name}",))


KINDS: Final = (
    Kind(
        "route_errors", "error rate per route", "operations",
        ("route_errors", "metric_shift"), "day",
        {
            "obvious": "80 % of a route's calls fail for two minutes",
            "moderate": "a quarter of a route's calls fail for five minutes",
            "subtle": "6 % of a route's calls fail for ten minutes",
        },
        _route_errors, grace_seconds=MINUTE,
    ),
    Kind(
        "route_latency", "latency per route", "operations",
        ("route_latency", "metric_shift"), "day",
        {
            "obvious": "a route's calls wait 1.5 s longer for three minutes",
            "moderate": "a route's calls wait 120 ms longer for five minutes",
            "subtle": "a route's calls wait 25 ms longer for eight minutes",
        },
        _route_latency, grace_seconds=MINUTE,
    ),
    Kind(
        "stale_prices", "price-feed staleness", "operations",
        ("stale_prices", "metric_shift"), "day",
        {
            "obvious": "a lively pair is silent, or repeats one price, for 20 minutes",
            "moderate": "a lively pair is silent, or repeats one price, for five minutes",
            "subtle": "a lively pair is silent, or repeats one price, for two minutes",
        },
        _stale_prices, grace_seconds=MINUTE,
    ),
    Kind(
        "crossed_quotes", "crossed quotes", "operations", ("crossed_quotes",), "day",
        {
            "obvious": "a pair's bid is above its ask for five minutes",
            "moderate": "a pair's bid is above its ask for 45 seconds",
            "subtle": "a pair's bid is above its ask for 12 seconds",
        },
        _crossed_quotes, grace_seconds=MINUTE,
    ),
    Kind(
        "log_silence", "log silence", "operations", ("log_silence", "metric_shift"), "day",
        {
            "obvious": "a service logs nothing for 15 minutes",
            "moderate": "a service logs nothing for five minutes",
            "subtle": "a service logs nothing for a minute",
        },
        _log_silence, grace_seconds=2 * MINUTE,
    ),
)  # fmt: skip
"""All kinds of this module."""
