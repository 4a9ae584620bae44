"""The conventions over HTTP: instruments, and value dates holiday by holiday."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.fx import OPERATIONS, instrument_of
from tallystick.api.operation import route
from tallystick.api.problems import TITLES, problem_response
from tallystick.api.services import Services
from tallystick.clock import ManualClock, parse_rfc3339
from tallystick.errors import Refused
from tallystick.fx import INSTRUMENTS, PAIRS

NOW = "2026-07-01T12:00:00Z"
Ask = Callable[..., httpx.Response]
Check = Callable[..., dict[str, Any]]


async def _refuse(_request: Request, error: Exception) -> Response:
    """As the application does."""
    assert isinstance(error, Refused)
    return problem_response(error)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks the operations of this module, on 1 July 2026, with a token that may read."""
    tokens = Tokens(tmp_path / "tokens.json")
    token = tokens.issue("reader", "acme", ("read",))
    # The operations need two of the door's services; these two are the real ones.
    needed = SimpleNamespace(clock=ManualClock(parse_rfc3339(NOW)), tokens=tokens)
    services = cast("Services", needed)
    app = Starlette(
        routes=[route(each, services) for each in OPERATIONS], exception_handlers={Refused: _refuse}
    )

    def get(path: str, *, token: str | None = token, **params: str) -> httpx.Response:
        async def call() -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://fx") as client:
                return await client.get(path, params=params, headers=headers)

        return asyncio.run(call())

    return get


def test_the_reasoning_is_told(ask: Ask) -> None:
    """A month from the first of July: spot over an open Friday, and what each day was."""
    answer = ask("/v1/fx/dates", pair="EUR/USD", trade_date="2026-07-01", tenor="1M")
    assert answer.status_code == 200
    found = answer.json()
    steps = found.pop("steps")
    assert found == {
        "pair": "EUR/USD",
        "tenor": "1M",
        "trade_date": "2026-07-01",
        "trade_date_used": "2026-07-01",
        "spot": "2026-07-03",
        "near": "2026-07-03",
        "far": "2026-08-03",
        "days": 31,
        "fixing": None,
        "provisional": [],
    }
    assert steps[0] == {
        "day": "2026-07-02",
        "currency": "EUR",
        "verdict": "counts",
        "reason": "good day 1 of 2",
        "provisional": False,
    }
    assert {step["day"] for step in steps if step["verdict"] == "settles"} == (
        {"2026-07-03", "2026-08-03"}
    )


def test_today_is_the_clocks(ask: Ask) -> None:
    """Without a trade date it is the pair's own of now; without a tenor it is spot."""
    found = ask("/v1/fx/dates", pair="USD/CAD").json()
    assert (found["trade_date"], found["tenor"], found["spot"]) == (
        ("2026-07-01", "SPOT", "2026-07-02")
    )


def test_a_fixing_and_what_is_provisional(ask: Ask) -> None:
    """A non-deliverable pair says when it is fixed, and whose days are not announced."""
    found = ask("/v1/fx/dates", pair="USD/KRW", trade_date="2026-11-04", tenor="6m").json()
    assert (found["fixing"], found["far"], found["provisional"]) == (
        ("2027-04-30", "2027-05-06", ["KRW"])
    )


def test_a_broken_date(ask: Ask) -> None:
    """How far it is from spot."""
    found = ask("/v1/fx/dates", pair="EUR/USD", value_date="2026-08-04").json()
    assert (found["tenor"], found["far"], found["days"]) == ("BROKEN", "2026-08-04", 32)


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"pair": "EURUSD"}, "UNKNOWN_PAIR", None),
        ({"pair": "USD/EUR"}, "UNKNOWN_PAIR", None),
        ({"pair": "x" * 101}, "VALUE_NOT_ALLOWED", "pair"),
        ({}, "BAD_REQUEST", "pair"),
        ({"pair": "EUR/USD", "trade_date": "01.07.2026"}, "VALUE_NOT_ALLOWED", "trade_date"),
        ({"pair": "EUR/USD", "trade_date": "2026-02-30"}, "VALUE_NOT_ALLOWED", "trade_date"),
        ({"pair": "EUR/USD", "trade_date": "1700-01-03"}, "DATE_OUT_OF_RANGE", None),
        ({"pair": "EUR/USD", "trade_date": "9999-12-31"}, "DATE_OUT_OF_RANGE", None),
        ({"pair": "EUR/USD", "tenor": "4W"}, "UNKNOWN_TENOR", "tenor"),
        ({"pair": "USD/CAD", "tenor": "TN"}, "TENOR_NOT_DEALT", "tenor"),
        ({"pair": "EUR/USD", "value_date": "2026-12-25"}, "VALUE_DATE_CLOSED", "value_date"),
        ({"pair": "EUR/USD", "value_date": "2036-12-24"}, "VALUE_DATE_RANGE", "value_date"),
        ({"pair": "EUR/USD", "tenor": "1M", "value_date": "2026-12-24"}, "BAD_REQUEST", None),
        ({"pair": "EUR/USD", "color": "red"}, "UNKNOWN_FIELD", "color"),
    ],
)
def test_bad_questions_are_refused(
    ask: Ask, refused: Check, params: dict[str, str], code: str, field: str | None
) -> None:
    """A coded problem with a title, and the field."""
    refused(ask("/v1/fx/dates", **params), 422, code, field)
    assert code in TITLES


def test_instruments(ask: Ask) -> None:
    """Every pair with its conventions; numbers of money as strings."""
    found = {each["symbol"]: each for each in ask("/v1/instruments").json()["instruments"]}
    assert list(found) == list(INSTRUMENTS)
    assert found["EUR/USD"] == {
        "symbol": "EUR/USD",
        "base": "EUR",
        "quote": "USD",
        "settlement": "deliverable",
        "pip": "0.0001",
        "price_step": "0.00001",
        "quantity_step": "0.01",
        "quantity_min": "0.01",
        "price_digits": 5,
        "base_digits": 2,
        "quote_digits": 2,
        "spot_lag": 2,
        "usd_days": "last",
        "roll": "new_york",
        "session": "week",
        "fixing": None,
        "provisional": [],
    }
    assert found["USD/JPY"]["pip"] == "0.01"
    assert (found["USD/IDR"]["pip"], found["USD/IDR"]["price_step"]) == ("1", "0.1")
    assert found["USD/KRW"]["fixing"]["days"] == 2
    assert found["USD/KRW"]["provisional"] == ["KRW"]
    assert {name for name, each in found.items() if each["fixing"]} == INSTRUMENTS.keys() - PAIRS


@pytest.mark.parametrize("path", ["/v1/instruments", "/v1/fx/dates"])
def test_a_token_is_needed(ask: Ask, refused: Check, path: str) -> None:
    """The conventions are no secret, but every answer costs work."""
    refused(ask(path, token=None, pair="EUR/USD"), 401, "UNAUTHENTICATED")


def test_steps_are_those_of_the_currency() -> None:
    """A base without minor units would be dealt in whole ones."""
    assert instrument_of(INSTRUMENTS["HKD/JPY"]).quantity_step == "0.01"
    assert instrument_of(INSTRUMENTS["HKD/JPY"]).price_step == "0.00001"
