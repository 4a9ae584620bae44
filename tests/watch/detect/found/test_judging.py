"""A verdict becomes an entry, or is refused with a sentence."""

from collections.abc import Callable

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.collect.redact import Redactor
from tallystick.watch.detect.found import DISMISSAL_DAYS_MAX, Found, Judging, Said
from tallystick.watch.detect.score import Anomaly

NOW_NS = 1_790_000_000 * NS_PER_SECOND
DAY_NS = 86_400 * NS_PER_SECOND


@pytest.fixture
def judging(found: Found) -> Judging:
    """On the store, with the engine that knows what is personal."""
    return Judging(found, Redactor().find)


def test_the_entry_says_what_was_judged(
    judging: Judging, found: Found, make_anomaly: Callable[..., Anomaly]
) -> None:
    """The anomaly's own facts, the verdict, and under which key it was said."""
    odd = make_anomaly(7)
    found.add([odd])
    until = rfc3339(NOW_NS + DAY_NS)
    said = Said("dismissed", "agreed by phone", "ann", "entity", until)
    assert judging.entry(judging.known(odd.id).anomaly, said, NOW_NS, "k", "ab") == AnomalyJudged(
        at=rfc3339(NOW_NS),
        anomaly="order_size-7",
        detector="order_size",
        entity="acme EUR/USD",
        client="acme",
        verdict="dismissed",
        reason="agreed by phone",
        p_value="1e-08",
        sentence=odd.sentence,
        position=7,
        scope="entity",
        until=until,
        by="ann",
        key="k",
        request="ab",
    )


def test_an_anomaly_of_nobody(judging: Judging) -> None:
    """What is not there cannot be judged."""
    with pytest.raises(Refused) as refusal:
        judging.known("x" * 500)
    assert refusal.value.code == "UNKNOWN_ANOMALY"
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        (Said("dismissed", "  ", "ann"), "VALUE_NOT_ALLOWED", "reason"),
        (Said("confirmed", "told jane@example.com", "ann"), "PERSONAL_DATA", "reason"),
        (Said("dismissed", "r", "ann", until="soon"), "VALUE_NOT_ALLOWED", "until"),
        (Said("dismissed", "r", "ann", until=rfc3339(NOW_NS)), "VALUE_NOT_ALLOWED", "until"),
        (
            Said(
                "dismissed", "r", "ann", until=rfc3339(NOW_NS + (DISMISSAL_DAYS_MAX + 1) * DAY_NS)
            ),
            "VALUE_NOT_ALLOWED",
            "until",
        ),
        (
            Said("confirmed", "r", "ann", until=rfc3339(NOW_NS + DAY_NS)),
            "MEMBER_NOT_ALLOWED",
            "until",
        ),
    ],
)
def test_a_verdict_that_cannot_be(
    judging: Judging, make_anomaly: Callable[..., Anomaly], said: Said, code: str, field: str
) -> None:
    """A coded sentence that names the member."""
    with pytest.raises(Refused) as refusal:
        judging.entry(make_anomaly(1), said, NOW_NS)
    assert (refusal.value.code, refusal.value.field) == (code, field)
