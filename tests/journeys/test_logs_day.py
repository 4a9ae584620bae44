"""A day of logs: sent by three doors, redacted, searched, followed, told to others, archived."""

import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from splunklib import client as splunk
from splunklib import results

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.limits import LOG_SEGMENT_LINES_MAX

pytestmark = pytest.mark.server

CARD = "4111 1111 1111 1111"
DEADLINE_SECONDS = 25.0
OLD_DAYS = 3
REQUESTS = 10
COUNTED = "index=web duration_us=* | stats count dc(log.record.uid) max(duration_us)"
SECRET = b"a secret that the desk and the server know"
RULE = """
description = "Every fill of a million or more, for the desk."
pattern = '{"detail": {"order": {"quantity": [{"numeric": [">=", 1000000]}]}}}'

[[targets]]
id = "desk"
type = "webhook"
url = "URL"
secret_file = "desk.secret"
"""


class Desk(ThreadingHTTPServer):
    """Receives webhooks, and at first has no time for them."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), DeskHandler)
        self.refusals = deque([503, 503])
        self.heard: list[tuple[str, bytes, bool]] = []
        """Idempotency key, body, and whether the signature is right."""


class DeskHandler(BaseHTTPRequestHandler):
    """One webhook."""

    server: Desk

    def do_POST(self) -> None:
        """Note it, then answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["Tallystick-Timestamp"].encode() + b"." + body
        expected = "v1=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
        is_ours = hmac.compare_digest(expected, self.headers["Tallystick-Signature"])
        self.server.heard.append((self.headers["Idempotency-Key"], body, is_ours))
        self.send_response(self.server.refusals.popleft() if self.server.refusals else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A receiver of webhooks; it is gone after the test."""
    with Desk() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def rules(folder: Path, desk: Desk) -> Path:
    """A folder with one rule, whose target is the desk."""
    folder.mkdir()
    (folder / "desk.secret").write_bytes(SECRET)
    (folder / "fills.toml").write_text(
        RULE.replace("URL", f"http://127.0.0.1:{desk.server_address[1]}/fills")
    )
    return folder


def until(holds: Callable[[], object], what: str) -> None:
    """Wait for it, for so long and no longer."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.1)


def search(client: httpx.Client, query: str, **also: str) -> dict[str, Any]:
    """The answer to a query; it has to be one."""
    answer = client.get("/v1/logs", params={"q": query, **also})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send_old_lines(client: httpx.Client) -> int:
    """JSON lines of days ago, so many that the store seals them; each request is sent twice."""
    first_ns = SystemClock().now_ns() - OLD_DAYS * 86_400 * NS_PER_SECOND
    first_ns -= first_ns % NS_PER_SECOND  # no fraction of a second reads like a card number
    each = LOG_SEGMENT_LINES_MAX // REQUESTS
    for request in range(REQUESTS):
        lines = (
            f'{{"timestamp":"{rfc3339(first_ns + n * 1_000)}","com.splunk.index":"web",'
            f'"log.record.uid":"old-{n}","duration_us":{n}}}'
            for n in range(request * each, (request + 1) * each)
        )
        body = "\n".join(lines).encode()
        for duplicates in (0, each):
            answer = client.post("/v1/logs/lines", content=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["duplicates"] == duplicates
    return each * REQUESTS


def send_by_hec(client: httpx.Client, token: str) -> None:
    """Three events, one of them bad, one with a card number; sent twice, as after a timeout."""
    events: tuple[dict[str, object], ...] = (
        {
            "index": "web",
            "host": "web-1",
            "event": {"msg": f"journey pays with {CARD}", "k": "hec"},
        },
        {"event": ""},
        {"index": "web", "host": "web-2", "event": {"msg": "journey goes on", "k": "hec"}},
    )
    identified = ({**event, "fields": {"event_id": f"hec-{n}"}} for n, event in enumerate(events))
    body = "\n".join(json.dumps(event) for event in identified)
    for _ in range(2):
        answer = client.post(
            "/services/collector/event", content=body, headers={"Authorization": f"Splunk {token}"}
        )
        assert answer.status_code == 200, answer.text
        facts = answer.json()
        assert (facts["code"], facts["invalid-event-count"]) == (0, 1)


def send_by_otlp(client: httpx.Client) -> None:
    """One record as an OpenTelemetry exporter would send it."""
    attributes = [{"key": "com.splunk.index", "value": {"stringValue": "web"}}]
    record = {"body": {"stringValue": "journey ends"}, "severityText": "WARN", "severityNumber": 13}
    logs = {"scopeLogs": [{"logRecords": [{**record, "attributes": attributes}]}]}
    answer = client.post("/v1/logs", json={"resourceLogs": [logs]})
    assert answer.status_code == 200, answer.text


def followed(client: httpx.Client, ready: threading.Event, bodies: list[str]) -> None:
    """What a live tail shows of the journey, until its last line."""
    with client.stream("GET", "/v1/logs/tail", params={"q": "journey index=web"}) as tail:
        for line in tail.iter_lines():
            ready.set()
            if line.startswith("data: {"):
                fields = json.loads(line.removeprefix("data: "))
                bodies.append(str(fields.get("body") or fields.get("msg")))
            if bodies and bodies[-1] == "journey ends":
                return


def issue(
    tallystick: Callable[..., Any], folder: Path, *scopes: str, index: str | None = None
) -> dict[str, str]:
    """The header of a new token."""
    named = [word for scope in scopes for word in ("--scope", scope)]
    named += [] if index is None else ["--index", index]
    run = tallystick("token", "issue", "--name", "-".join(scopes), *named, "--json", data=folder)
    return {"Authorization": f"Bearer {json.loads(run.stdout)['token']}"}


def see_the_journey(server: Any, client: httpx.Client, sending: httpx.Client) -> int:
    """Send by HEC and OTLP, follow live, find it over REST and the SDK; the number of a line."""
    bodies: list[str] = []
    ready = threading.Event()
    tail = threading.Thread(target=followed, args=(client, ready, bodies))
    tail.start()
    assert ready.wait(DEADLINE_SECONDS)
    send_by_hec(sending, server.hec_token)
    send_by_otlp(sending)
    tail.join(DEADLINE_SECONDS)
    masked = "journey pays with 411111******1111"
    assert bodies == [masked, "journey goes on", "journey ends"]

    found = search(client, "journey index=web")["logs"]
    assert [line.get("msg") or line["body"] for line in found] == bodies[::-1]
    (paid,) = search(client, "index=web 411111*")["logs"]
    assert (paid["redactions"], paid["host.name"]) == ({"PAN": 1}, "web-1")
    assert search(client, f'"{CARD}" NOT index=tallystick')["logs"] == []
    assert len(search(client, "event_name=ingest.event_refused")["logs"]) == 2

    where = urlsplit(server.url)
    service = splunk.connect(
        scheme="http", host=where.hostname, port=where.port, splunkToken=server.token
    )
    query = "search index=web k=hec | stats count by host | sort host"
    rows = results.JSONResultsReader(service.jobs.oneshot(query, output_mode="json"))
    assert [(row["host"], row["count"]) for row in rows] == [("web-1", "1"), ("web-2", "1")]
    return int(paid["log.seq"])


def see_who_may_read(
    client: httpx.Client, seq: int, other: dict[str, str], may: dict[str, str]
) -> None:
    """A token for another index finds nothing; what was hidden is told to one, in the open."""
    assert client.get("/v1/logs?q=journey", headers=other).json()["logs"] == []
    assert client.get(f"/v1/logs/{seq}/around", headers=other).status_code == 404
    path, why = f"/v1/logs/{seq}/unmask", {"reason": "complaint 77"}
    assert client.post(path, json=why).status_code == 403
    told = client.post(path, json=why, headers=may).json()
    assert told["fields"] == {"/msg": f"journey pays with {CARD}"}
    (entry,) = client.get("/v1/ledger/entries?kind=log_unmasked").json()["entries"]
    assert entry["position"] == told["position"]


def see_the_rule(client: httpx.Client, account: str, desk: Desk) -> None:
    """An order's event comes to the desk, signed, under one key however often it is sent."""
    order = {
        "client_order_id": "c-1", "account": account, "pair": "EUR/USD", "side": "buy",
        "quantity": "2000000", "type": "market", "time_in_force": "FOK",
    }  # fmt: skip
    assert client.post("/v1/orders", json=order).status_code == 201
    until(lambda: len(desk.heard) >= 3, "the webhook is tried until it is taken")
    assert len({key for key, _, _ in desk.heard}) == 1
    _, event, is_ours = desk.heard[-1]
    assert is_ours
    assert json.loads(event)["detail"]["order"]["quantity"] == "2000000.00"


def see_the_archive(client: httpx.Client, old: int) -> None:
    """Old lines are archived by themselves, still counted, and held against deletion."""
    until(
        lambda: client.get("/v1/archive").json()["states"].get("archived"), "old lines are archived"
    )
    assert search(client, COUNTED)["rows"] == [[old, old, old - 1]]
    hold = client.post("/v1/archive/holds", json={"index": "web", "reason": "case 12"})
    assert hold.status_code == 201
    refused = client.post("/v1/archive/deletions", json={"index": "web", "reason": "mistake"})
    assert (refused.status_code, refused.json()["code"]) == (409, "PART_LOCKED")


def test_a_day_of_logs(
    serve: Callable[..., Any], tallystick: Callable[..., Any], tmp_path: Path, desk: Desk
) -> None:
    """From the doors to the archive and over kill -9; `tallystick check` is clean after it."""
    folder, vault = tmp_path / "data", tmp_path / "vault"
    settings = {"archive": str(vault), "archive_after_days": "0"}
    server = serve(folder, rules=str(rules(tmp_path / "rules", desk)), **settings)
    sender = issue(tallystick, folder, "ingest")
    other = issue(tallystick, folder, "operate", index="main")
    may = issue(tallystick, folder, "unmask")
    with server.client() as client, httpx.Client(base_url=server.url, headers=sender) as sending:
        old = send_old_lines(sending)
        seq = see_the_journey(server, client, sending)
        see_who_may_read(client, seq, other, may)
        see_the_rule(client, server.account, desk)
    server.kill()

    again = serve(folder, **settings)
    with again.client() as client:
        assert search(client, COUNTED)["rows"] == [[old, old, old - 1]]
        assert len(search(client, "journey index=web")["logs"]) == 3
        see_the_archive(client, old)
    assert again.stop() == 0, again.said()
    assert list(vault.rglob("*.parquet"))
    checked = tallystick("check", data=folder)
    assert checked.returncode == 0, checked.stdout
    scanned = tallystick("scan", str(folder / "logs"), str(vault))
    assert (scanned.returncode, CARD in scanned.stdout) == (0, False), scanned.stdout
