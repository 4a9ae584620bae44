"""What a posted alert is to us: its id, its moments and its sentence."""

import pytest

from tallystick.api.alertmanager_alert import RESOLVE_SECONDS, PostableAlert, alert_of, moment_of
from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused

NOW = "2026-11-22T12:00:00.000000Z"
NOW_NS = parse_rfc3339(NOW)
LATER = "2026-11-22T12:04:00.000000Z"
EARLIER = "2026-11-22T11:00:00.000000Z"


def post(starts_at: str = "", ends_at: str = "", **annotations: str) -> PostableAlert:
    """An alert named Up of one host."""
    labels = {"alertname": "Up", "host": "h1", "empty": ""}
    return PostableAlert(labels, annotations, starts_at, ends_at)


def test_ids() -> None:
    """Sent again it is the same; a new start, and each end, is another; empty labels are none."""
    first = alert_of(post(EARLIER, LATER), NOW_NS)
    assert first.id == alert_of(post(EARLIER, "2026-11-22T12:09:00Z"), NOW_NS + 1).id
    assert first.id != alert_of(post(NOW, LATER), NOW_NS).id
    over = alert_of(post(EARLIER, NOW), NOW_NS)
    assert over.id != first.id
    assert over.fingerprint == first.fingerprint
    assert over.id == alert_of(post(EARLIER, NOW), NOW_NS + NS_PER_SECOND).id
    assert first.labels == {"alertname": "Up", "host": "h1"}
    bare = alert_of(post(), NOW_NS)
    assert bare.id == alert_of(post("0001-01-01T00:00:00.000Z"), NOW_NS + 9).id


def test_moments() -> None:
    """As Alertmanager has it: now, and over after five minutes, where nothing is said."""
    bare = alert_of(post(), NOW_NS)
    assert bare.starts_at == NOW
    assert bare.ends_at is not None
    assert parse_rfc3339(bare.ends_at) == NOW_NS + RESOLVE_SECONDS * NS_PER_SECOND
    ended = alert_of(post("", EARLIER), NOW_NS)
    assert (ended.starts_at, ended.ends_at) == (EARLIER, EARLIER)
    zone = alert_of(post("2026-11-22T13:00:00+01:00", LATER), NOW_NS)
    assert zone.starts_at == NOW
    far = alert_of(post(NOW, "9999-12-31T23:59:59Z"), NOW_NS)
    assert far.ends_at is not None
    assert far.ends_at.startswith("2116-")
    assert moment_of("endsAt", "0001-01-01T00:00:00Z") is None
    with pytest.raises(Refused, match="startsAt"):
        moment_of("startsAt", "noon")


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({}, "Up fires (host h1)."),
        ({"summary": "h1 does not answer"}, "Up: h1 does not answer"),
        ({"summary": "Up is down"}, "Up is down"),
        ({"description": "It is\ndown", "message": ""}, "Up: It is down"),
        ({"summary": "x" * 2_000}, f"Up: {'x' * 996}"),
    ],
    ids=["bare", "summary", "named", "description", "long"],
)
def test_its_sentence(annotations: dict[str, str], said: str) -> None:
    """One line, with the alert's name in it."""
    assert alert_of(post(**annotations), NOW_NS).summary == said


def test_its_links() -> None:
    """Only what is a URL; where the rule stands, and what to do."""
    posted = PostableAlert(
        {"alertname": "Up"},
        {"runbook_url": "https://wiki.example/up", "dashboard_url": "javascript:alert(1)"},
        generator_url="http://prometheus.example/graph",
    )
    assert alert_of(posted, NOW_NS).links == {
        "runbook": "https://wiki.example/up", "source": "http://prometheus.example/graph",
    }  # fmt: skip
