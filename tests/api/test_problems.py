"""The closed list of codes: every one raised is in it, and every one in it can be met."""

import ast
import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
from structlog.testing import capture_logs

from tallystick.api.problems import (
    REFUSAL_STATUS,
    TITLES,
    headers_of,
    problem_of,
    problem_response,
)
from tallystick.errors import Overloaded, Refused, TallystickError
from tallystick.limits import BODY_BYTES_MAX
from tallystick.wiring.single import Single

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tallystick"
Check = Callable[..., dict[str, Any]]
Inside = Callable[[Path], AbstractAsyncContextManager[Single]]

OF_ERRORS = {"INTERNAL", "UNAVAILABLE", "CROWDED", "PART_COLD"}
"""What operating errors are told as; nobody raises them as a refusal."""
ELSEWHERE = {
    "ACKNOWLEDGE_SECONDS": "the body's type refuses first, as VALUE_NOT_ALLOWED",
    "ALARM_QUERY": "told by an evaluation; see tests/watch/alarms/sources/test_logs.py",
    "ALERT_TIME": "the door refuses first, as ALERT_INVALID",
    "NOTE_TOO_LONG": "the body's type refuses first, as VALUE_NOT_ALLOWED",
    "ON_CALL_OVERRIDES_TOO_MANY": "needs a thousand overrides; see tests/watch/notify/oncall",
    "ON_CALL_UNEXPLAINED": "the body's type refuses first, as VALUE_NOT_ALLOWED",
    "ALARMS_TOO_MANY": "needs a thousand alarms; see tests/watch/alarms/test_check.py",
    "REPLAY_TOO_LONG": "looks at 10,080 periods at most; see tests/watch/alarms/test_replay.py",
    "LINK_EXPIRED": "told as a page; see tests/watch/notify/inbound/test_links.py",
    "LINK_INVALID": "told as a page; see tests/watch/notify/inbound/test_links.py",
    "WEBHOOK_BODY": "its route is the web's; see tests/web/test_inbound.py",
    "WEBHOOK_SIGNATURE": "its route is the web's; see tests/web/test_inbound.py",
    "CALENDAR_INVALID": "calendars are files; see tests/watch/notify/oncall",
    "SCHEDULE_INVALID": "schedules stand in a file; see tests/watch/notify/oncall",
    "OVERRIDE_TOO_LONG": "the signer refuses first; see tests/execution/test_approval.py",
    "POINTS_MISSING": "the desk's own curve has every tenor; see tests/fx/test_points.py",
    "POINTS_UNUSABLE": "the desk's own curve is usable; see tests/fx/test_points.py",
    "UNKNOWN_LIMIT": "the signer refuses first; see tests/execution/test_approval.py",
    "ALERT_TOO_LARGE": "alerts are made by the product, never by a request",
    "BAD_LIMIT": "the query's type refuses such a limit first, as VALUE_NOT_ALLOWED",
    "BAD_LINE": "collector answers have their own codes; the line parser refuses first",
    "BAD_VKEY": "keys are read by `tallystick verify`, never by the server",
    "DATE_OUT_OF_RANGE": "the server's clock is within the calendars; dates come to the CLI",
    "QUERY_TOO_LARGE": "needs lines of more than the search memory; see tests/watch/collect",
    "QUERY_TOO_SLOW": "needs a search of ten seconds; see tests/watch/collect",
    "SILENCES_TOO_MANY": "needs a thousand silences; see tests/watch/notify",
    "UNKNOWN_CURRENCY": "currencies are only named in pairs: UNKNOWN_PAIR comes first",
    "KEYS_TOO_MANY": "keys are rotated on the command line, never by a request",
    "LAST_KEY": "keys are retired on the command line, never by a request",
    "UNKNOWN_KEY": "keys are retired on the command line, never by a request",
    "UNKNOWN_TOKEN": "tokens are revoked on the command line, never by a request",
    "QLDB_CONTRADICTION": "exports are imported on the command line, never by a request",
    "QLDB_DIGEST": "exports are imported on the command line, never by a request",
    "QLDB_INCOMPLETE": "exports are imported on the command line, never by a request",
    "QLDB_NEEDS_ION": "exports are imported on the command line, never by a request",
    "QLDB_UNPROVED": "exports are imported on the command line, never by a request",
    "QLDB_UNREADABLE": "exports are imported on the command line, never by a request",
    "BAD_SCHEDULE": "rules are files read at the start; see tests/stream/rules/test_schedule.py",
    "BAD_TRANSFORMER": "rules are files read at the start; see tests/stream/rules",
    "BAD_PROTOBUF": "OTLP tells errors as google.rpc.Status; see tests/api/ingest",
    "BAD_CONTENT_TYPE": "OTLP tells errors as google.rpc.Status; see tests/api/ingest",
    "BAD_PLACE": "consumers are moved on the command line, never by a request",
    "UNKNOWN_CONSUMER": "consumers are moved on the command line, never by a request",
    "GROUP_IS_READ": "consumers are moved on the command line, never by a request",
    "BAD_NAME": "see tests/watch/collect/search/test_saved.py",
    "BAD_TIER": "only an archive on S3 has tiers; see tests/watch/collect/archive",
    "HOLDS_TOO_MANY": "needs more legal holds than may be; see tests/watch/collect/archive",
    "NO_SUCH_PART": "parts move between a look and a deed; see tests/watch/collect/store",
    "PARTS_TOO_MANY": "needs ten thousand parts; see tests/watch/collect/archive",
    "PART_COLD": "only an archive on S3 has cold parts; see tests/watch/collect/archive",
    "SEARCHES_TOO_MANY": "needs as many as may be; see tests/watch/collect/search/test_saved.py",
    "UNKNOWN_HOLD": "needs an archive; see tests/api/test_archive.py and tests/journeys",
    "UNKNOWN_JOB": "told in Splunk's form; see tests/api/splunk/test_sdk.py",
    "BAD_POLICY": "policies are files of operators and verifiers; see tests/ledger/witness",
    "EXPORT_EXISTS": "exports are written by the command line, never by a request",
    "UNKNOWN_DOCUMENT": "see tests/api/history",
    "NOT_HERE_YET": "see tests/api/history",
    "BAD_HORIZON": "forecasts are made on the command line, never by a request",
    "TOO_FEW_POINTS": "forecasts are made on the command line, never by a request",
    "TOO_FEW_CASES": "classifiers are trained on the command line, never by a request",
    "MODEL_CHANGED": "needs a damaged file; see tests/watch/detect/models/test_desk.py",
    "BAD_MODEL": "models are read by commands and by the detection process",
}
"""Codes that no request meets in a test of seconds, and why."""

ENDS = "2099-01-01T00:00:00Z"
A_DAY = {"starts_at": "2098-12-31T00:00:00Z", "ends_at": ENDS}
LABEL = {"label": "account", "operator": "=", "value": "demo"}


def silence(**changes: Any) -> dict[str, Any]:
    """The body of a silence."""
    return {"matchers": [LABEL], "ends_at": ENDS, "comment": "maintenance"} | changes


REACHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "AMOUNT_MALFORMED": ("POST", "/v1/orders", {"quantity": "1,000"}),
    "AMOUNT_NOT_POSITIVE": ("POST", "/v1/orders", {"quantity": "0"}),
    "AMOUNT_TOO_PRECISE": ("POST", "/v1/orders", {"quantity": "0.001"}),
    "BAD_KEY": ("POST", "/v1/orders", {"client_order_id": "a b"}),
    "BAD_QUERY": ("GET", "/v1/logs?q=%22open", {}),
    "BAD_CURSOR": ("GET", "/v1/logs?before=x", {}),
    "UNKNOWN_LINE": ("GET", "/v1/logs/999999999/around", {}),
    "UNKNOWN_SEARCH": ("GET", "/v1/logs/saved/no", {}),
    "BAD_RANGE": ("GET", "/v1/ledger/proof/inclusion?position=9999999", {}),
    "BAD_REQUEST": ("POST", "/v1/kill-switch", {"json": {"active": True}}),
    "MATCHER_PATTERN": (
        "POST",
        "/v1/silences",
        {"json": silence(matchers=[LABEL | {"operator": "=~", "value": "("}], **A_DAY)},
    ),
    "METHOD_NOT_ALLOWED": ("DELETE", "/v1/orders", {}),
    "NOT_FOUND": ("GET", "/v1/nothing", {}),
    "PRICE_NOT_ALLOWED": ("POST", "/v1/orders", {"price": "1.08"}),
    "PRICE_REQUIRED": ("POST", "/v1/orders", {"type": "limit", "time_in_force": "IOC"}),
    "SILENCE_EMPTY": ("POST", "/v1/silences", {"json": silence(matchers=[LABEL] * 17, **A_DAY)}),
    "SILENCE_PERIOD": ("POST", "/v1/silences", {"json": silence()}),
    "SILENCE_UNEXPLAINED": (
        "POST",
        "/v1/silences",
        {"json": silence(comment=" ", **A_DAY)},
    ),
    "TIME_IN_FORCE_NOT_ALLOWED": ("POST", "/v1/orders", {"time_in_force": "GTC"}),
    "UNKNOWN_ACCOUNT": ("GET", "/v1/positions?account=no", {}),
    "UNKNOWN_ENTRY": ("GET", "/v1/ledger/entries/999999", {}),
    "UNKNOWN_FIELD": ("GET", "/v1/alerts?page=1", {}),
    "UNKNOWN_ORDER": ("GET", "/v1/orders/O-999999", {}),
    "UNKNOWN_PAIR": ("POST", "/v1/orders", {"pair": "EURUSD"}),
    "UNKNOWN_SILENCE": ("DELETE", "/v1/silences/S-999999", {}),
    "VALUE_NOT_ALLOWED": ("POST", "/v1/orders", {"side": "hold"}),
    "BAD_JSON": ("POST", "/v1/kill-switch", {"content": b"active"}),
    "BODY_TOO_LARGE": ("POST", "/v1/silences", {"content": b"x" * (BODY_BYTES_MAX + 1)}),
}
"""A request of the demo token that meets each code; orders name what they change."""


def raised() -> set[str]:
    """Every code that the source raises."""
    calls = (
        node
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Refused"
    )
    codes = (node.args[0] for node in calls)
    return {str(code.value) for code in codes if isinstance(code, ast.Constant)}


def test_the_list_is_closed() -> None:
    """Codes raised anywhere are titled; titled codes are raised somewhere; no title twice."""
    assert raised() | OF_ERRORS == TITLES.keys()
    assert REFUSAL_STATUS.keys() <= TITLES.keys()
    assert len(set(TITLES.values())) == len(TITLES)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code) for code in TITLES)


def test_every_code_is_met_or_excused() -> None:
    """Some test meets each code over HTTP, or its absence is explained."""
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    met = {code for code in TITLES.keys() - ELSEWHERE.keys() if f'"{code}"' in tests}

    assert met | ELSEWHERE.keys() == TITLES.keys()
    assert not REACHED.keys() & ELSEWHERE.keys()


@pytest.mark.server
@pytest.mark.parametrize("code", REACHED)
def test_the_code_is_met(product: Any, code: str) -> None:
    """The request is answered with this code, its title and its status."""
    method, path, given = REACHED[code]
    is_order = (method, path) == ("POST", "/v1/orders")
    response = product.demo.request(
        method, path, **({"json": product.order(**given)} if is_order else given)
    )
    problem = response.json()

    assert problem["code"] == code, problem
    assert problem["title"] == TITLES[code]
    assert response.status_code == problem["status"] == REFUSAL_STATUS.get(code, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_an_error_of_ours_tells_no_secrets() -> None:
    """A permanent error is 500 and its words stay in the log."""
    problem = problem_of(TallystickError("the key is 12345"))

    assert (problem.status, problem.code) == (500, "INTERNAL")
    assert "12345" not in problem.detail


def test_an_error_that_passes_says_when_to_come_back() -> None:
    """503 with Retry-After, and the sentence."""
    error = Overloaded()

    assert problem_of(error).status == 503
    assert problem_of(error).code == "UNAVAILABLE"
    assert headers_of(error) == {"Retry-After": "1"}


def test_a_refusal_without_a_field_has_no_such_member() -> None:
    """`field` is left out of the JSON, not null."""
    assert b"field" not in problem_response(Refused("BAD_JSON", "No.")).body
    assert b'"field":"pair"' in problem_response(Refused("BAD_JSON", "No.", field="pair")).body


def ask(single: Single, *requests: tuple[str, str, dict[str, str] | None]) -> Any:
    """The answers to requests that are put to the application itself."""

    async def asking() -> list[httpx.Response]:
        """One after another."""
        headers = {"Authorization": f"Bearer {single.facts.token}"}
        transport = httpx.ASGITransport(single.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://here", headers=headers
        ) as client:
            return [await client.request(how, path, json=body) for how, path, body in requests]

    return asking()


def test_not_ready_and_leaving_are_503(tmp_path: Path, inside: Inside, refused: Check) -> None:
    """Before there are prices, and when the desk is closed: 503 with Retry-After."""
    order = {
        "client_order_id": "c", "account": "demo", "pair": "EUR/USD", "side": "buy",
        "quantity": "5", "type": "market",
    }  # fmt: skip

    async def run() -> Any:
        """A product without prices, whose desk is closed."""
        async with inside(tmp_path) as single:
            single.desk.close()
            return await ask(single, ("GET", "/readyz", None), ("POST", "/v1/orders", order))

    unready, leaving = asyncio.run(run())
    assert "prices" in refused(unready, 503, "UNAVAILABLE")["detail"]
    assert "shutting down" in refused(leaving, 503, "UNAVAILABLE")["detail"]
    assert leaving.headers["retry-after"] == "1"


@pytest.mark.parametrize("how", ["POST", "GET"])
def test_what_nobody_expected_is_500(
    tmp_path: Path, inside: Inside, refused: Check, how: str
) -> None:
    """A mistake of ours is a problem as well, with its trace in the log and not in the answer."""
    order = {
        "client_order_id": "c", "account": "demo", "pair": "EUR/USD", "side": "buy",
        "quantity": "5", "type": "market",
    }  # fmt: skip

    async def run() -> Any:
        """A product with a part missing."""
        async with inside(tmp_path) as single:
            await single._open_demo_account()
            del single.desk.board
            path = "/v1/orders" if how == "POST" else "/v1/orders/O-1"
            single.history._projection.position = None  # type: ignore[assignment]
            with capture_logs() as lines:
                answers = await ask(single, (how, path, order))
            return answers[0], lines

    answer, lines = asyncio.run(run())
    assert refused(answer, 500, "INTERNAL")["detail"] == "Something went wrong on our side."
    failed, answered = lines
    assert (failed["event"], failed["log_level"]) == ("api.request_failed", "error")
    assert failed["exc_info"].__traceback__ is not None
    assert (answered["http.response.status_code"], answered["log_level"]) == (500, "error")


def test_a_damaged_store_is_500(tmp_path: Path, inside: Inside, refused: Check) -> None:
    """An entry that is not what was signed is never shown; what is wrong stays in the log."""

    async def begin() -> None:
        """One entry."""
        async with inside(tmp_path) as single:
            await single._open_demo_account()

    async def look() -> Any:
        """Ask for it."""
        async with inside(tmp_path) as single:
            return await ask(single, ("GET", "/v1/ledger/entries/0", None))

    asyncio.run(begin())
    database = apsw.Connection(str(tmp_path / "ledger.db"))
    database.execute("UPDATE entries SET entry = CAST(replace(entry, 'demo', 'dame') AS BLOB)")
    database.close()
    (damaged,) = asyncio.run(look())
    assert refused(damaged, 500, "INTERNAL")["detail"] == "Something went wrong on our side."
