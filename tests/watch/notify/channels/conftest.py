"""Messages to say, and the real peers of peers.py and smtp_peer.py that hear them."""

import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, Clock, ManualClock, parse_rfc3339
from tallystick.errors import Misconfigured
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels import CHANNELS
from tallystick.watch.notify.message import Chart, Message, Point, Ways, message_key

OPENED_NS = parse_rfc3339("2026-11-22T04:30:00Z")
DEDUP_KEY = "5f" * 32
BEARER = "bearer-of-this-link"
"""Part of the links that act without a login."""


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"channel_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def peers() -> ModuleType:
    """The module peers.py."""
    return _module("peers")


@pytest.fixture(scope="session")
def smtp() -> ModuleType:
    """The module smtp_peer.py."""
    pytest.importorskip("aiosmtpd", reason="the SMTP server of these tests is not installed")
    pytest.importorskip("aiosmtplib", reason="the SMTP client is not installed")
    return _module("smtp_peer")


@pytest.fixture(scope="session")
def authority(smtp: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A certificate authority that only this run knows."""
    return smtp.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve(peers: ModuleType) -> Iterator[Callable[[type[Any]], Any]]:
    """Serves a kind of peer on a free port: `serve(peers.Slack)`."""
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(_served(peers, kind))


@contextmanager
def _served(peers: ModuleType, kind: type[Any]) -> Iterator[Any]:
    peer = kind()
    server = peers.Server(("127.0.0.1", 0), peers.Handler)
    server.peer = peer
    peer.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield peer
    peer.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that is taken and at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as AWS's own tools find them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-account")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def open_channel() -> Callable[..., Channel]:
    """Opens a channel as the wiring does: `open_channel("slack", options, secrets)`."""

    def made(
        kind: str,
        options: dict[str, object],
        secrets: dict[str, str] | None = None,
        clock: Clock | None = None,
    ) -> Channel:
        def secret(name: str) -> str:
            """Of the environment, or of a file."""
            try:
                return (secrets or {})[name.partition(":")[2]]
            except KeyError:
                raise Misconfigured(f"There is no secret {name}.") from None

        return CHANNELS[kind].open({"type": kind, **options}, secret, clock or ManualClock())

    return made


@pytest.fixture(scope="session")
def make_message() -> Callable[..., Message]:
    """Builds a message: `make_message(action="resolve", why="resolved")`."""

    def message(target: str = "desk", **members: object) -> Message:
        number = members.get("number", 1)
        assert isinstance(number, int)
        settled: dict[str, object] = {
            "key": message_key(DEDUP_KEY, target, number),
            "dedup_key": DEDUP_KEY,
            "incident": "I-12",
            "number": number,
            "action": "trigger",
            "why": "opened",
            "severity": "critical",
            "title": "Latency of POST /v1/orders is above 250 ms",
            "at_ns": OPENED_NS + 100 * NS_PER_SECOND,
            "opened_ns": OPENED_NS,
            "firing": 2,
            "labels": {"alarm": "order-latency", "team": "fx", "instance": "api-1"},
            "alerts": (_latency(), _whale()),
            "ways": _ways(),
            "chart": _chart(),
        }
        return Message(**(settled | members))  # type: ignore[arg-type]

    return message


@pytest.fixture(scope="session")
def hostile(make_message: Callable[..., Message]) -> Message:
    """A message whose every text tries to break out of where it is shown."""
    evil = "<script>alert('x')</script> *b* _i_ [x](http://evil.example) <http://e|e> & \"q\"\n"
    evil += "Bcc: all@fx.example\r\n\x1b[2J \u202egnp.exe " + "x" * 3_000
    alert = msgspec.structs.replace(
        _whale(),
        summary=evil,
        labels={evil[:30]: evil, "9lives": "", "a-b.c": "v"},
        links={
            evil: "javascript:alert(1)",
            "spaced": "https://h.example/a b",
            "open": "http://[::1",
            "\n": "/v1/y",
            evil[:9]: "/v1/x",
        },
        details={evil[:40]: evil},
        order_id=None,
        starts_at="at dawn",
    )
    return make_message(
        title=evil,
        by=evil,
        recipient=evil,
        labels={evil[:30]: evil} | {f"label_{n}": "v" * 500 for n in range(30)},
        alerts=(alert,) * 20,
        firing=5_000,
    )


def _latency() -> Alert:
    return Alert(
        id="alarm-order-latency-7",
        fingerprint="a1b2c3d4e5f60718",
        severity="critical",
        summary="p99 of POST /v1/orders was 431 ms; the limit is 250 ms.",
        source="alarms",
        starts_at="2026-11-22T04:30:00.000000Z",
        labels={"alarm": "order-latency", "instance": "api-1", "severity": "critical"},
        links={"alarm": "/alarms/order-latency", "runbook": "https://wiki.fx.example/latency"},
        details={"threshold": 250, "value": 431.25},
    )


def _whale() -> Alert:
    return Alert(
        id="anomaly-12",
        fingerprint="18070f5e4d3c2b1a",
        severity="warning",
        summary="demo bought 250,000,000 EUR/USD, 40 times its usual size.",
        source="detect",
        starts_at="2026-11-22T04:31:07.250000Z",
        labels={"detector": "order_size", "account": "demo"},
        position=1_041,
        order_id="O-1042",
        links={"order": "/v1/orders/O-1042", "receipt": "/v1/orders/O-1042/receipt"},
        details={"expected": "6,250,000", "came": "250,000,000", "p_value": 1e-7},
    )


def _ways() -> Ways:
    return Ways(
        incident="https://fx.example/incidents/I-12",
        acknowledge=f"https://fx.example/a/{BEARER}-a?until=1795412345",
        resolve=f"https://fx.example/a/{BEARER}-r?until=1795412345",
    )


def _chart() -> Chart:
    values = [118, 122, 119, 131, 127, 140, None, 133, 142, 171, 236, 262, 305, 431]
    first_ns = OPENED_NS - 13 * 60 * NS_PER_SECOND
    points = tuple(
        Point(first_ns + minute * 60 * NS_PER_SECOND, None if value is None else float(value))
        for minute, value in enumerate(values)
    )
    return Chart("p99 of POST /v1/orders", "ms", points, high=250.0)
