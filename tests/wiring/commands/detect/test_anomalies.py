"""`tallystick detect anomalies` and `explain`: what they ask, what they show, and their exits."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock, rfc3339
from tallystick.wiring.commands.detect.anomalies import anomalies, explain, news
from tallystick.wiring.facts import Facts, save_facts
from tallystick.wiring.server_client import ServerClient


def item(number: int, **members: Any) -> dict[str, Any]:
    """An anomaly as the API tells it, a minute ago."""
    return {
        "id": f"order_size-{number}",
        "detector": "order_size",
        "family": "fraud",
        "entity": "acme EUR/USD",
        "at": rfc3339(SystemClock().now_ns() - 65 * NS_PER_SECOND),
        "p_value": 1e-9,
        "surprise": 9.0,
        "expected": "up to 300,000",
        "came": "5,000,000",
        "sentence": f"acme bought {number},000,000 EUR/USD.",
        "contributions": [
            {"feature": "order_quantity", "unit": "EUR", "came": 5e6, "expected_low": 1e4,
             "expected_high": 3e5, "surprise": 6.0, "share": 0.75},
            {"feature": "order_rate", "unit": "orders", "came": 14, "expected_low": 0,
             "expected_high": 1e300, "surprise": 2.0, "share": 0.25},
        ],
        "nearest": None, "account": "acme", "pair": "EUR/USD", "route": None, "position": number,
        "order_id": f"O-{number}", "positions": [number - 1, number], "model": "0123456789ab",
        "held": None, "verdict": None, "found_at": "2026-11-22T08:00:00.000000Z",
    } | members  # fmt: skip


def detail() -> dict[str, Any]:
    """One anomaly as the API tells it when it is asked for."""
    return item(7, held="Held back.", verdict="dismissed") | {
        "nearest": {
            "at": "2026-11-22T08:00:00.000000Z", "text": "buy 280,000 EUR/USD", "position": 3,
        },
        "order": "/v1/orders/O-7",
        "evidence": [],
        "verdicts": [
            {"position": 12, "at": "2026-11-22T08:00:00.000000Z", "verdict": "dismissed",
             "reason": "agreed by phone", "by": "ann", "scope": "entity",
             "until": "2027-01-01T00:00:00.000000Z"},
        ],
        "similar": [
            {"id": "order_size-3", "at": "2026-11-20T08:00:00.000000Z", "entity": "acme EUR/USD",
             "surprise": 7.0, "sentence": "s", "verdict": "confirmed", "reason": "it was fraud"},
            {"id": "order_size-2", "at": "2026-11-20T08:00:00.000000Z", "entity": "acme EUR/USD",
             "surprise": 7.0, "sentence": "s", "verdict": None, "reason": None},
        ],
    }  # fmt: skip


@pytest.fixture
def server(answering: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that the data folder of the settings names, and a terminal of 100 columns."""
    answering.body = json.dumps({"anomalies": [item(2), item(1)], "next": "bmV4dA"}).encode()
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    save_facts(tmp_path, Facts(answering.url, "demo", "a-token", "hec", "vkey"))
    return answering


def run(command: click.Command, *arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_a_list(server: Any) -> None:
    """A row each, the newest last: when, what, how odd and the sentence; more are told."""
    result = run(anomalies)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    first, second = (n for n, line in enumerate(lines) if "order_size-" in line)
    assert first < second
    row = lines[second].split()
    assert row[:4] == ["1", "min", "order_size-2", "1G"]
    assert "acme bought 2,000,000 EUR/USD." in lines[second]
    assert "acme EUR/USD" in lines[second + 1]
    assert result.stderr == "There are more than these 2; see --limit.\n"
    assert server.asked == [("/v1/anomalies?limit=20", "Bearer a-token", None)]


def test_every_option_is_asked_for(server: Any) -> None:
    """Filters go to the server as they are."""
    run(
        anomalies, "--detector", "layering", "--family", "fraud", "--account", "acme", "--pair",
        "EUR/USD", "--verdict", "none", "--since", "2026-11-22T00:00:00Z", "-n", "5",
    )  # fmt: skip
    path = server.asked[0][0]
    assert path == (
        "/v1/anomalies?detector=layering&family=fraud&account=acme&pair=EUR%2FUSD&verdict=none"
        "&since=2026-11-22T00%3A00%3A00Z&limit=5"
    )


def test_what_was_said_and_held(server: Any) -> None:
    """A verdict, or why nobody was alerted, stands below the sentence."""
    found = [item(2, held="Held back: 2 of its like."), item(1, verdict="confirmed", held="no")]
    server.body = json.dumps({"anomalies": found, "next": None}).encode()
    result = run(anomalies)
    assert "Held back: 2 of its like." in result.stdout
    assert "confirmed" in result.stdout
    assert " no\n" not in result.stdout
    assert result.stderr == ""


def test_nothing(server: Any) -> None:
    """It is said so."""
    server.body = b'{"anomalies":[],"next":null}'
    assert run(anomalies).stdout == "Nothing odd was found.\n"


def test_a_list_as_json(server: Any) -> None:
    """All that the server said."""
    result = run(anomalies, "--json")
    assert json.loads(result.stdout) == json.loads(server.body)
    assert result.stderr == ""


def test_new_ones_come_once_and_in_order(server: Any) -> None:
    """The last of what is there, then what is new, the oldest first, and each of it once."""
    known = [item(2), item(1), item(0)]
    pages = [known, known, [item(5), item(4), *known], [item(5), *known]]
    bodies = iter([json.dumps({"anomalies": page}).encode() for page in pages])
    server.body = next(bodies)

    class EndOfTestError(Exception):
        """There are no more pages."""

    def pause() -> None:
        body = next(bodies, None)
        if body is None:
            raise EndOfTestError
        server.body = body

    def told() -> Iterator[list[str]]:
        with closing(ServerClient(server.url, "t")) as client:
            for fresh in news(client, {"limit": "2", "pair": "EUR/USD"}, pause):
                yield [each["id"] for each in fresh]

    said: list[list[str]] = []
    with pytest.raises(EndOfTestError):
        said.extend(told())
    assert said == [["order_size-1", "order_size-2"], ["order_size-4", "order_size-5"]]
    asked = [path for path, _token, _body in server.asked]
    assert set(asked) == {"/v1/anomalies?limit=100&pair=EUR%2FUSD"}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.usefixtures("server")
def test_following(monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> None:
    """Rows, or an anomaly a line; Ctrl-C ends it in good order."""

    def interrupt(_clock: SystemClock, _seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "pause", interrupt)
    result = run(anomalies, "--follow", *(["--json"] if as_json else []))
    assert result.exit_code == 0
    assert result.stderr == ""
    if as_json:
        said = [json.loads(line)["id"] for line in result.stdout.splitlines()]
        assert said == ["order_size-1", "order_size-2"]
    else:
        assert result.stdout.index("order_size-1") < result.stdout.index("order_size-2")


def test_an_explanation(server: Any) -> None:
    """Sentence, expected and came, bars with shares, the nearest, entries, verdicts, its like."""
    server.body = json.dumps(detail()).encode()
    result = run(explain, "order_size-7")
    text = result.stdout

    assert result.exit_code == 0
    assert max(map(len, text.splitlines())) <= 100
    assert server.asked[0][0] == "/v1/anomalies/order_size-7"
    assert text.splitlines()[0].startswith("order_size  fraud, ")
    for part in (
        "UTC (1 min ago), acme EUR/USD",
        "acme bought 7,000,000 EUR/USD.",
        "up to 300,000",
        "once in 1 billion ordinary ones",
        "Held back.",
        "0123456789ab",
        "███████████████       75%  5,000,000 EUR, usually 10,000 to 300,000",
        "14 orders, usually 0 to any",
        "buy 280,000 EUR/USD (entry 3)",
        "6, 7  (order O-7)",
        f"curl -s {server.url}/v1/ledger/entries/7/receipt | tallystick verify - --vkey vkey",
        "dismissed by ann, ",
        "agreed by phone (entry 12, of every detector, until",
        "order_size-3  confirmed: it was fraud",
        "order_size-2  nobody judged it",
    ):
        assert part in text, part
    assert "Say what it was" not in text


def test_commands_stand_in_one_line(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the terminal is: they are there to be copied."""
    monkeypatch.setenv("COLUMNS", "40")
    server.body = json.dumps(item(7, positions=[6, 7])).encode()
    lines = run(explain, "order_size-7").stdout.splitlines()
    receipt = f"{server.url}/v1/ledger/entries/7/receipt"
    assert f"  curl -s {receipt} | tallystick verify - --vkey vkey" in lines
    assert "  tallystick detect confirm order_size-7 --reason ..." in lines


def test_a_verdict_of_this_second_is_told_as_now(server: Any) -> None:
    """And not as `now ago`."""
    said = {
        "position": 12, "at": rfc3339(SystemClock().now_ns() + 10**9), "verdict": "confirmed",
        "reason": "case 77", "by": "ann", "scope": "stream", "until": None,
    }  # fmt: skip
    server.body = json.dumps(item(7, verdicts=[said])).encode()
    assert "confirmed by ann, now: case 77" in run(explain, "order_size-7").stdout


def test_an_explanation_of_one_that_nobody_judged(server: Any) -> None:
    """It says how to judge it; what there is not has no heading."""
    server.body = json.dumps(
        item(7, contributions=[], positions=list(range(20)), order_id=None, p_value=1e-12)
    ).encode()
    text = run(explain, "order_size-7").stdout
    assert "tallystick detect confirm order_size-7 --reason" in text
    assert "tallystick detect dismiss order_size-7 --reason" in text
    assert "10, 11 and 8 more" in text
    assert "at most once in 1 trillion" in text
    assert "What made it odd" not in text
    assert "nearest" not in text


def test_an_explanation_as_json(server: Any) -> None:
    """All that the server said."""
    told = detail()
    server.body = json.dumps(told).encode()
    assert json.loads(run(explain, "order_size-7", "--json").stdout) == told


def test_text_of_others_steers_no_terminal(server: Any) -> None:
    """An entity's name is whatever a client chose."""
    server.body = json.dumps(item(7, entity="a\x1b[31mb", sentence="c\x07d")).encode()
    text = run(explain, "order_size-7").stdout
    assert "\x1b" not in text
    assert "\x07" not in text


def test_an_id_stays_in_its_place(server: Any) -> None:
    """Whatever is given as an id is one part of the path."""
    server.body = json.dumps(detail()).encode()
    run(explain, "../tokens?x=1")
    assert server.asked[0][0] == "/v1/anomalies/..%2Ftokens%3Fx%3D1"


@pytest.mark.parametrize(
    ("status", "body", "exit_code"),
    [
        (404, {"detail": "There is no anomaly 'x'.", "code": "UNKNOWN_ANOMALY"}, 1),
        (403, {"detail": "This token may not operate.", "code": "FORBIDDEN"}, 1),
        (503, {"detail": "Not now."}, 2),
    ],
)
def test_refused(server: Any, status: int, body: dict[str, str], exit_code: int) -> None:
    """The server's sentence."""
    server.status, server.body = status, json.dumps(body).encode()
    for command, arguments in ((anomalies, ()), (explain, ("x",))):
        result = run(command, *arguments)
        assert (result.exit_code, result.stderr) == (exit_code, f"tallystick: {body['detail']}\n")


def test_ages() -> None:
    """How long ago, in the largest unit."""
    from tallystick.wiring.commands.detect.anomaly_screen import age, number  # noqa: PLC0415

    clock = ManualClock()
    at = rfc3339(clock.now_ns())
    said = []
    for seconds in (0, 1, 89, 3_600, 100_000):
        clock.advance(seconds)
        said.append(age(at, clock.now_ns()))
    assert said == ["now", "1 s", "1 min", "1 h", "1 d"]
    assert age(at, 0) == "now"
    assert [number(n) for n in (0, 0.12345, 999.4, 1234.5, 1e300, -1e300)] == [
        "0", "0.1235", "999.4", "1,234", "any", "none",
    ]  # fmt: skip
