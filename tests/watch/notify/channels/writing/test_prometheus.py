"""Alerts in Prometheus's form."""

from collections.abc import Callable

import msgspec

from tallystick.watch.notify.channels.writing.prometheus import alerts_of, shared
from tallystick.watch.notify.message import Message

Make = Callable[..., Message]


def test_names_are_as_prometheus_allows(make_message: Make) -> None:
    """Other letters become underscores, a leading digit gets one, empty values are left out."""
    alert = msgspec.structs.replace(
        make_message().alerts[0], labels={"a.b-c": "1", "9th": "2", "none": ""}
    )
    (made,) = alerts_of(make_message(alerts=(alert,)))

    assert made.labels == {
        "alertname": "alarms",
        "severity": "critical",
        "a_b_c": "1",
        "_9th": "2",
    }


def test_the_maker_of_an_alert_is_kept(make_message: Make) -> None:
    """What came from a Prometheus leads back to it."""
    url = "http://prometheus.example/graph?g0.expr=up"
    alert = msgspec.structs.replace(make_message().alerts[0], generator=url)
    (made,) = alerts_of(make_message(alerts=(alert,)))
    assert made.generator == url


def test_what_all_share() -> None:
    """Names with one value in all."""
    assert shared([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}]) == {"a": "1"}
    assert shared([{"a": "1"}]) == {"a": "1"}
