"""Splunk's HTTP Event Collector over HTTP: its routes, who may, and every one of its answers."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tallystick.errors import Corrupt, ShuttingDown, TemporaryError
from tallystick.limits import HEC_ACKS_MAX, INGEST_BODY_BYTES_MAX
from tallystick.watch.collect.ingest import AckChannels

OpenDoor = Callable[..., Any]
CHANNEL = "FE0ECFAD-13D5-401B-847D-77833BD77131"
EVENT = b'{"event":"a"}'
COLLECT = ("", "/event", "/raw")


def said(response: httpx.Response) -> tuple[int, int]:
    """(status, code) of an answer in Splunk's form."""
    assert response.headers["content-type"] == "application/json", response.text
    body = response.json()
    assert body["text"]
    return response.status_code, body["code"]


@pytest.mark.parametrize("suffix", ["", "/1.0"])
@pytest.mark.parametrize("path", COLLECT)
def test_an_event_is_stored_when_it_is_answered(door: Any, path: str, suffix: str) -> None:
    """Byte for byte Splunk's Success; the line is in the store at once."""
    response = door.send(path + suffix, b"text" if path == "/raw" else EVENT)
    assert (response.status_code, response.content) == (200, b'{"text":"Success","code":0}')
    assert door.bodies() == ["text" if path == "/raw" else "a"]


@pytest.mark.parametrize("suffix", ["", "/1.0"])
@pytest.mark.parametrize("path", [*COLLECT, "/ack"])
def test_what_a_route_allows(quiet_door: Any, path: str, suffix: str) -> None:
    """OPTIONS needs no token: Docker's log driver asks before it starts a container."""
    response = quiet_door.http.options(f"/services/collector{path}{suffix}")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["allow"] == "POST,OPTIONS"


@pytest.mark.parametrize("suffix", ["", "/1.0"])
def test_what_health_allows_and_answers(quiet_door: Any, suffix: str) -> None:
    """Without a token, as real Splunk, whatever its manual says."""
    path = f"/services/collector/health{suffix}"
    assert quiet_door.http.options(path).headers["allow"] == "GET,HEAD,OPTIONS"
    assert said(quiet_door.http.get(path)) == (200, 17)
    assert said(quiet_door.http.get(path, headers={"Authorization": "Splunk wrong"})) == (200, 17)
    assert quiet_door.http.head(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "", 405, "POST,OPTIONS"),
        ("PUT", "/event", 405, "POST,OPTIONS"),
        ("DELETE", "/raw/1.0", 405, "POST,OPTIONS"),
        ("POST", "/health", 405, "GET,HEAD,OPTIONS"),
        ("POST", "/evnt", 404, None),
        ("GET", "/event/2.0", 404, None),
        ("POST", "/", 404, None),
    ],
)
def test_what_is_not_there(
    quiet_door: Any, method: str, path: str, status: int, allow: str | None
) -> None:
    """Splunk's words for an unknown path, and for a method that it does not know."""
    response = quiet_door.http.request(method, f"/services/collector{path}")
    text = "The requested URL was not found on this server."
    assert response.json() == {"text": text, "code": 404}
    assert (response.status_code, response.headers.get("allow")) == (status, allow)


@pytest.mark.parametrize("path", [*COLLECT, "/ack"])
@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, 2),
        ("", 401, 2),
        ("Splunk", 401, 3),
        ("Bearer hec-of-the-facts", 401, 3),
        ("hec-of-the-facts", 401, 3),
        ("Basic ???", 401, 3),
        ("Splunk wrong", 403, 4),
        ("Splunk \xe9", 403, 4),
        ("Basic " + base64.b64encode(b"x:wrong").decode(), 403, 4),
    ],
)
def test_a_bad_token_gets_splunks_answer(
    quiet_door: Any, path: str, authorization: str | None, status: int, code: int
) -> None:
    """Before anything else is looked at, the channel and the body too."""
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    url = f"/services/collector{path}?channel=none"
    assert said(quiet_door.http.post(url, content=b"junk", headers=headers)) == (status, code)


@pytest.mark.parametrize(
    "authorization",
    ["Splunk {}", "splunk {}", "SPLUNK   {}", "Basic"],
)
def test_a_good_token_in_any_of_its_forms(door: Any, authorization: str) -> None:
    """The scheme in any case; Basic with the token as the password."""
    token = door.tokens.issue("web", "", ("ingest",))
    basic = "Basic " + base64.b64encode(f"x:{token}".encode()).decode()
    given = basic if authorization == "Basic" else authorization.format(token)
    assert said(door.send("", EVENT, Authorization=given)) == (200, 0)


def test_tokens_of_other_kinds(door: Any) -> None:
    """Without the scope it is none here; a disabled one is told so, a revoked one is nobody's."""
    trader = door.tokens.issue("desk", "demo", ("trade", "read", "operate", "audit"))
    assert said(door.send("", EVENT, trader)) == (403, 4)
    sender = door.tokens.issue("web", "", ("ingest",))
    assert said(door.send("", EVENT, sender)) == (200, 0)
    door.tokens.switch(sender, disabled=True)
    assert said(door.send("", EVENT, sender)) == (403, 1)
    door.tokens.switch(sender, disabled=False)
    assert said(door.send("", EVENT, sender)) == (200, 0)
    door.tokens.revoke(sender)
    assert said(door.send("", EVENT, sender)) == (403, 4)


@pytest.mark.parametrize(
    ("token", "status", "code"), [("wrong", 403, 4), ("hec-of-the-facts", 400, 16)]
)
def test_a_token_in_the_query_is_never_accepted(
    quiet_door: Any, token: str, status: int, code: int
) -> None:
    """Addresses are logged everywhere; a bad one is told that first, as measured."""
    response = quiet_door.http.post(f"/services/collector?token={token}", content=EVENT)
    assert said(response) == (status, code)


def test_a_token_writes_to_its_indexes_alone(door: Any) -> None:
    """Another index is code 7; an event that names none goes to the first on the list."""
    token = door.tokens.issue("web", "", ("ingest",), ("web", "main"))
    assert said(door.send("", EVENT, token)) == (200, 0)
    assert said(door.send("", b'{"event":"b","index":"main"}', token)) == (200, 0)
    response = door.send("", b'{"event":"c","index":"secret"}', token)
    assert said(response) == (400, 7)
    assert response.json()["invalid-event-number"] == 0
    assert said(door.send("?index=secret", EVENT, token)) == (400, 7)
    assert said(door.send("/raw?index=secret", b"c", token)) == (400, 7)
    assert [line["com.splunk.index"] for line in door.lines()] == ["web", "main"]


def test_metadata_in_the_query(door: Any) -> None:
    """`host`, `source`, `sourcetype` and `index` of all events of a request."""
    door.send("/raw?host=h&source=s&sourcetype=t&index=i", b"one")
    (line,) = door.lines()
    named = {"host.name": "h", "com.splunk.source": "s", "com.splunk.sourcetype": "t"}
    assert line.items() >= (named | {"com.splunk.index": "i", "body": "one"}).items()


def test_times_of_events(door: Any) -> None:
    """All nine digits; and looked for in the event where it is asked for."""
    door.send("", b'{"time":1789547400.123456789,"event":"a"}')
    door.send("/event?auto_extract_timestamp=true", b'{"event":"2026-09-16T08:30:00.000000001Z b"}')
    stamps = [line["timestamp"] for line in door.lines()]
    assert stamps == ["2026-09-16T08:30:00.123456789Z", "2026-09-16T08:30:00.000000001Z"]


def test_encodings(door: Any, zipped: Callable[[Any], bytes]) -> None:
    """gzip, and nothing else: 415 and 413 are no answers in Splunk's form."""
    assert said(door.send("", zipped(EVENT), Content_Encoding="gzip")) == (200, 0)
    for encoding in ("deflate", "br", "gzip, gzip"):
        response = door.send("", EVENT, Content_Encoding=encoding)
        assert (response.status_code, response.json()["code"]) == (415, "BAD_ENCODING")
    response = door.send("", zipped(EVENT)[:-3], Content_Encoding="gzip")
    assert (response.status_code, response.json()["code"]) == (400, "BAD_GZIP")


def test_a_body_too_large(door: Any, zipped: Callable[[Any], bytes]) -> None:
    """Packed or not, and before it was read; what is exactly as large as may be is taken."""
    large = b" " * (INGEST_BODY_BYTES_MAX + 1)
    for body, headers in ((large, {}), (zipped(large), {"Content_Encoding": "gzip"})):
        response = door.send("", body, **headers)
        assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert said(door.send("", large[len(EVENT) + 1 :] + EVENT)) == (200, 0)
    chunks = (large[:100_000] for _ in range(100))
    headers = {"Authorization": "Splunk hec-of-the-facts"}
    response = door.http.post("/services/collector", content=chunks, headers=headers)
    assert response.status_code == 413


def test_one_bad_event_never_drops_the_others(door: Any) -> None:
    """Success, the bad one named with its reason, and kept as text; nothing to send again."""
    response = door.send("", b'{"event":"a"}{"event":""}{"event":nul}{"event":"d"}')
    assert response.status_code == 200
    assert response.json() == {
        "text": "Success",
        "code": 0,
        "invalid-events": [
            {
                "invalid-event-number": 1,
                "code": 13,
                "text": "Event field cannot be blank",
                "reason": "the member event is blank",
            },
            {
                "invalid-event-number": 2,
                "code": 6,
                "text": "Invalid data format",
                "reason": "it is no JSON at byte 34: expecting value",
            },
        ],
        "invalid-event-count": 2,
    }
    assert door.bodies() == ["a", "d", '{"event":""}', '{"event":nul}']
    assert door.ingest.refused == 2


def test_when_no_event_is_good_it_is_an_error(quiet_door: Any) -> None:
    """Nothing is stored, so it may be mended and sent again."""
    response = quiet_door.send("", b'{"event":""}')
    assert said(response) == (400, 13)
    assert response.json()["invalid-event-number"] == 0


def test_strict_mode_is_splunk(open_door: OpenDoor) -> None:
    """What stands before the bad event is stored, and none from it on; its client sends those."""
    door = open_door(strict=True)
    response = door.send("", b'{"event":"a"}{"event":""}{"event":"c"}')
    assert response.content == (
        b'{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}'
    )
    assert door.bodies() == ["a"]
    assert said(door.send("", b'{"event":"c"}')) == (200, 0)
    response = door.send("", b'{"event":"d"}{"event":"e","evnt":1}{"event":"f"}')
    assert response.content == b'{"text":"Success","code":0}'
    assert door.bodies() == ["a", "c", "d"]


def test_an_event_that_comes_again_is_stored_once(door: Any) -> None:
    """By its id within its index, in whatever request; the answer says so."""
    body = b'{"event":"a","fields":{"event_id":"e-1"}}'
    assert door.send("", body).json() == {"text": "Success", "code": 0}
    again = door.send("", body + b'{"event":"b"}').json()
    assert again == {"text": "Success", "code": 0, "duplicate-event-count": 1}
    door.send("?index=web", body)
    assert door.bodies() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("body", "headers", "stored"),
    [
        (b'{"event":"a"}', {}, 2),
        (b'{"event":"a","time":1789547400}', {}, 2),
        (b'{"event":"a","time":1789547400.123}', {}, 1),
        (b'{"event":"a","time":1789547400.123}{"event":"b"}', {}, 4),
        (b'{"event":"a"}', {"X_Splunk_Request_Channel": CHANNEL}, 1),
    ],
)
def test_a_request_that_comes_again_is_stored_once(
    door: Any, body: bytes, headers: dict[str, str], stored: int
) -> None:
    """Where it can be told from a new one: by its channel, or by times finer than a second."""
    for _ in range(2):
        assert said(door.send("", body, **headers)) == (200, 0)
    assert len(door.lines()) == stored


def test_another_channel_or_target_is_another_request(door: Any) -> None:
    """The same body means something else there."""
    other = CHANNEL.replace("F", "A")
    for path in ("", "/event", "?host=h"):
        for channel in (CHANNEL, other):
            door.send(path, EVENT, X_Splunk_Request_Channel=channel)
    assert len(door.lines()) == 6


def test_repeats_are_kept_where_that_is_wanted(open_door: OpenDoor) -> None:
    """A setting; ids of events count all the same."""
    door = open_door(drop_repeats=False)
    for body in (b'{"event":"a","time":1.5}', b'{"event":"b","fields":{"event_id":"1"}}'):
        door.send("", body, X_Splunk_Request_Channel=CHANNEL)
        door.send("", body, X_Splunk_Request_Channel=CHANNEL)
    assert door.bodies() == ["a", "a", "b"]


def test_acknowledgments(open_door: OpenDoor) -> None:
    """Ids from 0 in each channel, true at once, false for one that is not known, also later."""
    door = open_door()
    for number in range(2):
        response = door.send("", EVENT * (number + 1), X_Splunk_Request_Channel=CHANNEL)
        assert response.json() == {"text": "Success", "code": 0, "ackId": number}
    assert door.send(f"/raw?channel={CHANNEL.lower()}", b"x").json()["ackId"] == 2
    poll = f"/ack?channel={CHANNEL}"
    for _ in range(2):
        response = door.send(poll, b'{"acks":[0,2,3]}')
        assert (response.status_code, response.json()) == (
            200, {"acks": {"0": True, "2": True, "3": False}},
        )  # fmt: skip
    other = door.tokens.issue("other", "", ("ingest",))
    told = door.send(poll, b'{"acks":[0]}', other).json()
    assert told == {"acks": {"0": False}}
    door.close()
    door = open_door()
    assert door.send(poll, b'{"acks":[0]}').json() == {"acks": {"0": False}}


def test_no_id_is_given_for_what_was_not_stored(door: Any) -> None:
    """An error has none; a request that comes again has a new one."""
    header = {"X_Splunk_Request_Channel": CHANNEL}
    assert "ackId" not in door.send("", b"junk", **header).json()
    assert door.send("", EVENT, **header).json()["ackId"] == 0
    again = door.send("", EVENT, **header).json()
    assert (again["ackId"], again["duplicate-event-count"]) == (1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 5),
        (b"  ", 5),
        (b"junk", 6),
        (b"[0]", 6),
        (b'{"acks":["0"]}', 6),
        (b'{"acks":0}', 6),
        (json.dumps({"acks": [0] * (HEC_ACKS_MAX + 1)}).encode(), 6),
    ],
    ids=range(7),
)
def test_a_poll_that_is_none(quiet_door: Any, body: bytes, code: int) -> None:
    """400 with Splunk's code."""
    assert said(quiet_door.send(f"/ack?channel={CHANNEL}", body)) == (400, code)


class Fails:
    """A store whose disk has something to say."""

    def __init__(self, quiet_door: Any, error: Exception) -> None:
        self.end, self.read, self.close = (
            quiet_door.store.end,
            quiet_door.store.read,
            quiet_door.store.close,
        )
        self.fullness = 0.0
        self._error = error

    def append(self, _lines: object) -> int:
        """Nothing is stored."""
        raise self._error

    def pressure(self) -> float:
        """As told."""
        return self.fullness


def failing(door: Any, error: Exception, fullness: float = 0.0) -> Any:
    """The door before such a store."""
    door.ingest._store = Fails(door, error)
    door.ingest._store.fullness = fullness
    return door


ASKED: dict[int, Callable[[OpenDoor], httpx.Response]] = {}


def with_acks(door: Any, channels: int, used: int) -> Any:
    """A door with room for so many channels, and so many in use."""
    door.ingest.acks = AckChannels(door.ingest._clock, channels)
    for number in range(used):
        door.ingest.acks.open("", str(number))
    return door


def disabled(door: Any) -> str:
    """A token that is disabled."""
    token: str = door.tokens.issue("x", "", ("ingest",))
    door.tokens.switch(token, disabled=True)
    return token


ASKED[0] = lambda open_door: open_door().send("", EVENT)
ASKED[1] = lambda open_door: (door := open_door()).send("", EVENT, disabled(door))
ASKED[2] = lambda open_door: open_door().send("", EVENT, None)
ASKED[3] = lambda open_door: open_door().send("", EVENT, Authorization="Bearer x")
ASKED[4] = lambda open_door: open_door().send("", EVENT, "wrong")
ASKED[5] = lambda open_door: open_door().send("", b"")
ASKED[6] = lambda open_door: open_door().send("", b"junk")
ASKED[7] = lambda open_door: open_door().send("", b'{"event":"a","index":"tallystick"}')
ASKED[8] = lambda open_door: failing(open_door(), Corrupt()).send("", EVENT)
ASKED[9] = lambda open_door: failing(open_door(), TemporaryError("disk full")).send("", EVENT)
ASKED[10] = lambda open_door: open_door(ack="required").send("", EVENT)
ASKED[11] = lambda open_door: open_door().send("?channel=one", EVENT)
ASKED[12] = lambda open_door: open_door().send("", b"{}")
ASKED[13] = lambda open_door: open_door().send("", b'{"event":""}')
ASKED[14] = lambda open_door: open_door(ack="off").send(f"/ack?channel={CHANNEL}", b'{"acks":[0]}')
ASKED[15] = lambda open_door: open_door().send("", b'{"event":"a","fields":{"b":{"c":1}}}')
ASKED[16] = lambda open_door: open_door().send("?token=hec-of-the-facts", EVENT, None)
ASKED[17] = lambda open_door: asked_of_health(open_door())
ASKED[18] = lambda open_door: asked_of_health(failing(open_door(), Corrupt(), 1.0))
ASKED[19] = lambda open_door: asked_of_health(with_acks(open_door(), 1, 1))
ASKED[20] = lambda open_door: asked_of_health(with_acks(failing(open_door(), Corrupt(), 1.0), 1, 1))
ASKED[21] = lambda open_door: asked_of_health(open_door(health_checks_token=True), "wrong")
ASKED[22] = lambda open_door: asked_of_health(
    door := open_door(health_checks_token=True), disabled(door)
)
ASKED[23] = lambda open_door: failing(open_door(), ShuttingDown()).send("", EVENT)
ASKED[24] = lambda open_door: asked_of_health(failing(open_door(), Corrupt(), 0.8))
ASKED[25] = lambda open_door: asked_of_health(with_acks(open_door(), 10, 8))
ASKED[26] = lambda open_door: failing(open_door(), Corrupt(), 1.0).send("", EVENT)
ASKED[27] = lambda open_door: with_acks(open_door(), 1, 1).send(f"?channel={CHANNEL}", EVENT)


def asked_of_health(door: Any, shown: str = "hec-of-the-facts") -> httpx.Response:
    """The state of the collector."""
    headers = {"Authorization": f"Splunk {shown}"}
    response: httpx.Response = door.http.get("/services/collector/health", headers=headers)
    return response


STATUS = {0: 200, 1: 403, 2: 401, 3: 401, 4: 403, 8: 500, 9: 503, 17: 200, 18: 503, 19: 503}
STATUS |= {20: 503, 23: 503, 24: 200, 25: 200, 26: 429, 27: 429}
"""Of each code; 400 for those that are not named."""


@pytest.mark.parametrize("code", range(28))
def test_every_code_can_be_met(open_door: OpenDoor, code: int) -> None:
    """With Splunk's status; what may be tried again says when."""
    response = ASKED[code](open_door)
    assert said(response) == (STATUS.get(code, 400), code)
    waits = code in {9, 23, 26, 27}
    assert ("retry-after" in response.headers) is waits


def test_a_closed_collector_says_so(door: Any) -> None:
    """To those who send, and of its health."""
    door.ingest.close()
    assert said(door.send("", EVENT)) == (503, 23)
    assert said(asked_of_health(door)) == (503, 23)
