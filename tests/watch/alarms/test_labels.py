"""Labels against what is wanted of them."""

import pytest

from tallystick.watch.alarms.labels import fits

OWN = {"route": "/v1/orders", "status": "503"}


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        ({}, True),
        ({"status": "503"}, True),
        ({"status": "5*"}, True),
        ({"status": "*3"}, True),
        ({"status": "5*4"}, False),
        ({"status": "4*"}, False),
        ({"status": "5."}, False),
        ({"route": "/v1/*", "status": "5*"}, True),
        ({"route": "/v1/*", "status": "2*"}, False),
        ({"account": "*"}, False),
    ],
    ids=str,
)
def test_a_label_is_met_exactly_or_by_stars(wanted: dict[str, str], met: bool) -> None:
    """A star stands for anything, every other character for itself; a missing label is not met."""
    assert fits(OWN, wanted) is met
