"""Every target keeps the port's promises: taken durably, or an error that says what to do."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.stream.rules import TARGETS, Notification, is_signed
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.queues import Queues
from tallystick.stream.rules.runs import Runs
from tallystick.stream.rules.targets import Parcel, Surroundings

SECRET = b"a shared secret of enough bytes"
PARCEL = Parcel("k" * 64, "r", "t", "7", b'{"detail-type":"Order Filled","account":"demo"}')


class Bench:
    """What a target is made in, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.database = Database(folder / "rules.db")
        self.queues, self.runs = Queues(self.database), Runs(self.database)
        self.told: list[Notification] = []
        self.around = Surroundings(
            self.clock,
            self.queues,
            self.runs,
            self.told.append,
            SECRET,
            "https://t.example",
            folder,
        )

    def send(self, kind: str, options: dict[str, Any], *parcels: Parcel) -> None:
        """Send these and close, on a loop of its own."""

        async def main() -> None:
            """Run on one loop."""
            target = TARGETS[kind](options, self.around)
            try:
                for parcel in parcels or (PARCEL,):
                    await target.send(parcel)
            finally:
                await target.close()

        asyncio.run(main())


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """One, closed afterwards."""
    made = Bench(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def options(receiver: Any) -> dict[str, dict[str, Any]]:
    """What makes each kind of target work."""
    return {
        "notification": {"severity": "error", "summary": "Look."},
        "queue": {"queue": "q"},
        "webhook": {"url": receiver.url},
        "workflow": {"url": receiver.url},
    }


@pytest.mark.parametrize("kind", ["notification", "queue", "webhook", "workflow"])
def test_the_same_parcel_twice_is_known_by_its_key(
    bench: Bench, options: dict[str, dict[str, Any]], receiver: Any, kind: str
) -> None:
    """Whatever takes it can tell that it has it."""
    bench.send(kind, options[kind], PARCEL, PARCEL)
    keys = {each.id for each in bench.told}
    keys |= {each.id for each in bench.queues.receive("q", bench.clock.now_ns(), 10)}
    keys |= {headers["Idempotency-Key"] for _, headers, _ in receiver.received}
    assert keys == {PARCEL.key}


def test_every_target_has_a_row_here(options: dict[str, dict[str, Any]]) -> None:
    """A new target is held to the contract too."""
    assert {kind for kind in TARGETS if kind != "sqs"} == options.keys()


@pytest.mark.parametrize("kind", ["webhook", "workflow"])
@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_the_other_sides_trouble_is_temporary(
    bench: Bench, options: dict[str, dict[str, Any]], receiver: Any, kind: str, status: int
) -> None:
    """And it may say when to come back."""
    receiver.answers.append((status, {"Retry-After": "17"}, b""))
    with pytest.raises(TemporaryError, match=f"answered {status}") as error:
        bench.send(kind, options[kind])
    assert error.value.retry_after_seconds == 17


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_a_refusal_is_permanent(
    bench: Bench, options: dict[str, dict[str, Any]], receiver: Any, status: int
) -> None:
    """Nothing is followed and nothing tried again."""
    receiver.answers.append((status, {"Location": "http://127.0.0.1:1/"}, b"no"))
    with pytest.raises(PermanentError, match=f"answered {status}"):
        bench.send("webhook", options["webhook"])


def test_nobody_there_is_temporary_and_the_url_stays_secret(bench: Bench) -> None:
    """The error names the host, never the path or the query."""
    with pytest.raises(TemporaryError) as error:
        bench.send("webhook", {"url": "http://127.0.0.1:1/secret?token=x"})
    assert str(error.value) == "127.0.0.1 cannot be reached (ConnectError)."


def test_a_webhook_is_signed_with_its_own_secret(
    bench: Bench, receiver: Any, tmp_path: Path
) -> None:
    """The body is the parcel's; the rule is told; other headers may be added."""
    (tmp_path / "own.secret").write_bytes(b"another secret of enough bytes\n")
    given = {"url": receiver.url, "secret_file": "own.secret", "headers": {"X-Team": "fx"}}
    bench.send("webhook", given)
    ((_, headers, body),) = receiver.received
    assert body == PARCEL.body
    assert (headers["Tallystick-Rule"], headers["X-Team"]) == ("r", "fx")
    stamp, signed = headers["Tallystick-Timestamp"], headers["Tallystick-Signature"]
    now = bench.clock.now_ns() // 10**9
    assert is_signed(b"another secret of enough bytes", stamp, body, signed, now)
    assert not is_signed(SECRET, stamp, body, signed, now)


def test_a_workflow_answers_later_or_at_once(bench: Bench, receiver: Any) -> None:
    """It is told its run, its token and where to answer; a run is noted before it is told."""
    bench.send("workflow", {"url": receiver.url})
    ((_, _, body),) = receiver.received
    told = json.loads(body)
    assert told["run_id"] == PARCEL.key
    assert told["callback"] == f"https://t.example/v1/rules/runs/{PARCEL.key}"
    assert told["input"] == json.loads(PARCEL.body)
    assert bench.runs.get(PARCEL.key).state == "running"
    receiver.answers.append((200, {}, b'{"status":"succeeded","output":{"a":1}}'))
    bench.send("workflow", {"url": receiver.url})
    run = bench.runs.get(PARCEL.key)
    assert (run.state, bytes(run.output or b"")) == ("succeeded", b'{"a":1}')
    assert json.loads(receiver.received[1][2])["token"] == told["token"]


def test_a_workflow_may_answer_with_anything_else(bench: Bench, receiver: Any) -> None:
    """A page of HTML or a very long answer is only an acknowledgement."""
    for answer in (b"<html>", b'{"status":"odd"}', b"x" * 100_000):
        receiver.answers.append((200, {}, answer))
        bench.send("workflow", {"url": receiver.url})
    assert bench.runs.get(PARCEL.key).state == "running"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"detail-type":"Order Filled","account":"demo","detail":{}}',
         ("warning", "Order Filled 7 matched the rule r.", "demo")),
        (b'"In words."', ("warning", "In words.", "")),
        (b'{"summary":"Said.","severity":"critical","order_id":"O-7"}',
         ("critical", "Said.", "")),
        (b'{"severity":"loud","a":[1]}', ("warning", "An event 7 matched the rule r.", "")),
    ],
)  # fmt: skip
def test_what_a_notification_says(
    bench: Bench, body: bytes, expected: tuple[str, str, str]
) -> None:
    """A text, an object with a summary, or the event itself."""
    parcel = Parcel("k", "r", "t", "7", body)
    bench.send("notification", {}, parcel)
    (told,) = bench.told
    assert (told.severity, told.summary, told.account) == expected
    assert told.position == 7


def test_nobody_who_takes_notifications(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a dead letter, not a silence."""
    monkeypatch.setattr(bench, "around", Surroundings(bench.clock, bench.queues, bench.runs))
    with pytest.raises(PermanentError, match="Nobody takes"):
        bench.send("notification", {})
    with pytest.raises(Misconfigured, match="needs a secret"):
        bench.send("webhook", {"url": "https://x.example"})


def test_what_cannot_be_posted_to(bench: Bench) -> None:
    """Each with its sentence."""
    for url in ("ftp://x", "https://", "https://u:p@x.example", "https://x:99999"):
        with pytest.raises(Misconfigured):
            bench.send("webhook", {"url": url})


def test_headers_that_cannot_be_sent(bench: Bench, receiver: Any) -> None:
    """Said at the start, not at the first event."""
    for name, value in (("X Team", "fx"), ("X-Team", "a\r\nb"), ("X-Team", "é"), ("", "x")):
        with pytest.raises(Misconfigured, match="is no header"):
            bench.send("webhook", {"url": receiver.url, "headers": {name: value}})


def test_an_unknown_option_is_refused(
    bench: Bench, options: dict[str, dict[str, Any]], make_rule: Callable[..., Any]
) -> None:
    """A misspelt option is not silently a default."""
    del make_rule
    for kind, given in options.items():
        with pytest.raises(Misconfigured, match="unknown field"):
            bench.send(kind, {**given, "colour": "red"})
