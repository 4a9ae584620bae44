"""alertmanager_webhook and alertmanager: Prometheus's formats, as its own tools say them."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.message import Message

Make = Callable[..., Message]
Open = Callable[..., Channel]


@pytest.fixture
def bodies(
    serve: Callable[[type[Any]], Any], peers: ModuleType, open_channel: Open
) -> Callable[..., list[Any]]:
    """Sends messages to a kind of peer; the bodies that it took."""

    def send(kind: str, *messages: Message) -> list[Any]:
        (found,) = (each for each in peers.HTTP_PEERS if each.kind == kind)
        peer = serve(found)

        async def story() -> None:
            channel = open_channel(kind, peer.options(), peer.secrets())
            for message in messages:
                assert await channel.send(message) == ""
            await channel.close()

        asyncio.run(story())
        assert peer.complaints == []
        return [msgspec.json.decode(request.body) for request in peer.taken]

    return send


def alerts_in(body: Any) -> list[dict[str, Any]]:
    """The alerts of either form."""
    alerts: list[dict[str, Any]] = body["alerts"] if isinstance(body, dict) else body
    return alerts


def test_the_webhook_has_every_member_of_version_four(bodies: Any, make_message: Make) -> None:
    """What all alerts share stands apart; what is not told is counted."""
    (group,) = bodies("alertmanager_webhook", make_message(firing=7))

    assert group["groupKey"] == make_message().dedup_key
    assert group["truncatedAlerts"] == 5
    assert group["receiver"] == "tallystick"
    assert group["groupLabels"] == make_message().labels
    assert group["commonLabels"] == {}
    assert group["commonAnnotations"]["incident"] == "I-12"
    assert group["externalURL"] == "https://fx.example/incidents/I-12"
    assert group["notification_reason"] == "first notification"
    latency, whale = group["alerts"]
    assert latency["labels"] == {
        "alertname": "order-latency",
        "alarm": "order-latency",
        "instance": "api-1",
        "severity": "critical",
    }
    assert latency["annotations"]["value"] == "431.25"
    assert whale["labels"]["alertname"] == "order_size"
    assert whale["annotations"]["proof"] == "order O-1042 · ledger position 1041"
    assert whale["generatorURL"] == "https://fx.example/v1/orders/O-1042"


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("joined", "new alerts added"),
        ("repeated", "repeat interval elapsed"),
        ("escalated", "first notification"),
    ],
)
def test_the_reason_is_in_alertmanagers_words(
    bodies: Any, make_message: Make, why: str, reason: str
) -> None:
    """Receivers tell a repetition from news by it."""
    (group,) = bodies("alertmanager_webhook", make_message(why=why))
    assert group["notification_reason"] == reason


def test_what_is_resolved_ends_by_the_same_labels(bodies: Any, make_message: Make) -> None:
    """An Alertmanager knows an alert by its labels: firing and ended name the same ones."""
    over = make_message(action="resolve", why="resolved", firing=0, number=2)
    for kind in ("alertmanager_webhook", "alertmanager"):
        first, last = (alerts_in(body) for body in bodies(kind, make_message(), over))
        assert [each["labels"] for each in first] == [each["labels"] for each in last]
        assert {each["endsAt"] for each in last} == {"2026-11-22T04:31:40.000000Z"}


def test_an_alert_that_ended_by_itself_says_when(bodies: Any, make_message: Make) -> None:
    """One of two: the group fires on."""
    latency, whale = make_message().alerts
    ended = msgspec.structs.replace(whale, ends_at="2026-11-22T04:31:30Z")
    later = msgspec.structs.replace(latency, ends_at="2026-11-22T08:30:00Z")
    (group,) = bodies("alertmanager_webhook", make_message(alerts=(later, ended), firing=1))

    assert group["status"] == "firing"
    assert [each["status"] for each in group["alerts"]] == ["firing", "resolved"]
    assert group["alerts"][1]["endsAt"] == "2026-11-22T04:31:30.000000Z"


def test_a_firing_alert_does_not_end_by_being_quiet(bodies: Any, make_message: Make) -> None:
    """Alertmanager ends what it does not hear of: `endsAt` is far behind any repetition."""
    ((alert, _),) = bodies("alertmanager", make_message())
    assert alert["endsAt"] == "2026-11-29T04:31:40.000000Z"


def test_an_acknowledgement_is_not_posted(bodies: Any, make_message: Make) -> None:
    """Alertmanager knows none, and a firing group would page again."""
    taken = make_message(action="acknowledge", why="acknowledged", by="ann")
    for kind in ("alertmanager_webhook", "alertmanager"):
        assert bodies(kind, taken) == []


def test_an_incident_without_alerts_is_one_alert(bodies: Any, make_message: Make) -> None:
    """A storm's summary, a test: by the incident's own labels."""
    message = make_message(alerts=(), firing=0, labels={"alarm": "storm"}, why="storm")
    ((alert,),) = bodies("alertmanager", message)

    assert alert["labels"] == {"alertname": "storm", "alarm": "storm", "severity": "critical"}
    assert alert["annotations"]["summary"] == message.title


@pytest.mark.parametrize("suffix", ["", "/", "/api/v2/alerts"])
def test_the_path_of_the_api_may_be_left_out(
    suffix: str,
    serve: Callable[[type[Any]], Any],
    peers: ModuleType,
    open_channel: Open,
    make_message: Make,
) -> None:
    """As Prometheus's configuration has it, or whole."""
    peer = serve(peers.Alertmanager)

    async def story() -> None:
        options = {**peer.options(), "url": peer.origin + suffix}
        channel = open_channel("alertmanager", options, peer.secrets())
        await channel.send(make_message())
        await channel.close()

    asyncio.run(story())
    assert len(peer.taken) == 1


def test_an_address_with_a_query_is_said_at_start(open_channel: Open) -> None:
    """The path is put behind it."""
    with pytest.raises(Misconfigured, match="address of the Alertmanager"):
        open_channel("alertmanager", {"url": "http://am.example/?a=b"})


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    """The address of a real Alertmanager that tells nobody."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.skip("no Alertmanager here: apt-get install prometheus-alertmanager")
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [binary, f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (tmp_path / "said").open("wb") as said, subprocess.Popen(command, stderr=said) as server:
        asyncio.run(_ready(f"http://{address}/-/ready"))
        yield f"http://{address}"
        server.terminate()


async def _ready(url: str) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


def test_a_real_alertmanager_takes_it(
    real: str, open_channel: Open, make_message: Make, hostile: Message
) -> None:
    """Said twice it is there once; resolved it is gone; a hostile name is taken as it is."""
    now_ns = SystemClock().now_ns()

    def names() -> list[str]:
        alerts = httpx.get(f"{real}/api/v2/alerts").json()
        return sorted(alert["labels"]["alertname"] for alert in alerts)

    async def story() -> None:
        channel = open_channel("alertmanager", {"url": real})
        await channel.send(make_message(at_ns=now_ns))
        await channel.send(make_message(at_ns=now_ns))
        assert await asyncio.to_thread(names) == ["order-latency", "order_size"]
        over = make_message(at_ns=now_ns, action="resolve", why="resolved", firing=0)
        await channel.send(over)
        assert await asyncio.to_thread(names) == []
        await channel.send(msgspec.structs.replace(hostile, at_ns=now_ns))
        assert await asyncio.to_thread(names) == ["detect"]
        await channel.close()

    asyncio.run(story())
