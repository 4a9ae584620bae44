"""What a detector says is a value that the API can show."""

import msgspec

from tallystick.watch.detect.score import Anomaly, Contribution


def test_an_anomaly_is_plain_json() -> None:
    """Every member reads as JSON and comes back the same."""
    anomaly = Anomaly(
        id="order_size:12",
        detector="order_size",
        family="fraud",
        entity="demo EUR/USD",
        at="2026-11-22T04:30:00.000000Z",
        p_value=1e-7,
        expected="between 1 and 2",
        came="9",
        sentence="demo bought 9 EUR/USD.",
        contributions=(Contribution("quantity", "EUR", 9, 1, 2, 7),),
        account="demo",
        position=12,
    )
    assert msgspec.json.decode(msgspec.json.encode(anomaly), type=Anomaly) == anomaly
