"""Alerts, their fingerprints and their keys."""

from tallystick.watch.notify import fingerprint
from tallystick.watch.notify.alert import idempotency_key


def test_a_fingerprint_is_made_of_labels_in_any_order() -> None:
    """The same labels are the same trouble; other values are another."""
    one = fingerprint({"account": "demo", "detector": "order_size"})
    assert one == fingerprint({"detector": "order_size", "account": "demo"})
    assert one != fingerprint({"detector": "order_size", "account": "dem", "o": ""})
    assert len(one) == 16


def test_an_idempotency_key_names_alert_and_channel() -> None:
    """Each channel has its own key, and no two pairs run into each other."""
    keys = {idempotency_key(*pair) for pair in [("a", "b"), ("a", "c"), ("ab", ""), ("é\n", "b")]}
    assert len(keys) == 4
    assert all(len(key) == 64 and key.isalnum() for key in keys)
