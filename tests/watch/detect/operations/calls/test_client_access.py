"""Client access: new networks and keys, keys that wake, and runs of refusals."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import CallSeen, Observation, TimeSeen
from tallystick.watch.detect.operations.calls.client_access import ClientAccess, wider
from tallystick.watch.detect.score import Finding

Judge = Callable[..., tuple[list[float], list[Finding]]]
HOUR = 3_600.0
DAY = 24 * HOUR
HOME = "203.0.113.0/24"


@pytest.fixture
def established(
    make_call: Callable[..., CallSeen], start_seconds: float
) -> Callable[..., list[Observation]]:
    """Ten days of calls each hour by an account that stays at home."""

    def calls(days: float = 10, **members: object) -> list[Observation]:
        return [make_call(start_seconds + n * HOUR, **members) for n in range(int(days * 24))]

    return calls


def _after(seen: list[Observation]) -> float:
    return seen[-1].at_seconds + HOUR


def test_a_network_never_seen_before(
    established: Callable[..., list[Observation]], make_call: Callable[..., CallSeen], judged: Judge
) -> None:
    """Told once, with the network that was usual; then it is known."""
    seen = established()
    at = _after(seen)
    seen += [make_call(at + n, address="198.51.100.0/24") for n in range(3)]
    findings = judged(ClientAccess(), seen)[1]
    assert [(each.row, each.detector, each.family, each.entity) for each in findings] == [
        (240, "new_address", "fraud", "acme")
    ]
    assert findings[0].reason.sentence.startswith(
        "acme called POST /v1/orders from the network 198.51.100.0/24, never seen before: "
        "240 calls in 10 days came from one of 1 known networks, lately 203.0.113.0/24 (once in "
    )


def test_a_key_never_seen_before(
    established: Callable[..., list[Observation]], make_call: Callable[..., CallSeen], judged: Judge
) -> None:
    """A token that the account never showed."""
    seen = established()
    seen.append(make_call(_after(seen), key="ba9876543210"))
    findings = judged(ClientAccess(), seen)[1]
    assert [each.detector for each in findings] == ["new_key"]
    assert "with the key ba9876543210, never seen before" in findings[0].reason.sentence


def test_an_account_is_not_judged_before_it_is_known(
    established: Callable[..., list[Observation]], make_call: Callable[..., CallSeen], judged: Judge
) -> None:
    """In its first week an account may come from anywhere."""
    seen = established(days=3)
    seen.append(make_call(_after(seen), address="198.51.100.0/24", key="ba9876543210"))
    assert not judged(ClientAccess(), seen)[1]


def test_somebody_who_roams_may_roam(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """An account that comes from a new network each day is never told."""
    seen = [
        make_call(start_seconds + n * HOUR, address=f"198.{n // 24}.100.0/24")
        for n in range(40 * 24)
    ]
    assert not judged(ClientAccess(), seen)[1]


def test_the_network_beside_is_much_less_odd(
    established: Callable[..., list[Observation]], make_call: Callable[..., CallSeen], judged: Judge
) -> None:
    """Another /24 of the same provider is no alarm."""
    seen = established()
    seen.append(make_call(_after(seen), address="203.0.7.0/24"))
    assert not judged(ClientAccess(), seen)[1]
    assert wider("203.0.7.0/24") == wider(HOME) == "203.0.0.0/16"
    assert wider("2001:db8:7::/48") == "2001:db8::/32"
    assert wider("a name") == "a name"


def test_when_all_move_nobody_did(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """A new proxy in front of the house gives a handful of findings, not one an account."""
    who = [f"client-{n}" for n in range(40)]
    seen = [
        make_call(start_seconds + hour * HOUR + n, account=name, key=name)
        for hour in range(240)
        for n, name in enumerate(who)
    ]
    at = _after(seen)
    seen += [
        make_call(at + n, account=name, key=name, address="10.0.0.0/24")
        for n, name in enumerate(who)
    ]
    assert len(judged(ClientAccess(), seen)[1]) < 12


def test_a_key_that_wakes(
    established: Callable[..., list[Observation]],
    make_call: Callable[..., CallSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
) -> None:
    """A key that was used each hour and then not for forty days; a clock that jumps wakes none."""
    seen = established()
    at = _after(seen)
    jumped = [*seen, make_call(at + 40 * DAY)]
    assert not judged(ClientAccess(), jumped)[1]
    seen += [make_tick(at + n * HOUR) for n in range(40 * 24)]
    seen.append(make_call(at + 40 * DAY))
    findings = judged(ClientAccess(), seen)[1]
    assert [(each.detector, each.entity) for each in findings] == [
        ("dormant_key", "key 0123456789ab")
    ]
    assert "made a call after 40 days without one" in findings[0].reason.sentence


def test_a_run_of_forbidden_calls_is_probing(
    established: Callable[..., list[Observation]], make_call: Callable[..., CallSeen], judged: Judge
) -> None:
    """Some 403 in a row of a key that is never refused."""
    seen = established()
    at = _after(seen)
    seen += [make_call(at + n, status=403, route="GET /v1/audit") for n in range(8)]
    first = judged(ClientAccess(), seen)[1][0]
    assert (first.detector, first.entity) == ("access_denied", "key 0123456789ab")
    assert first.row < 245
    assert "what the key may not do (403), the last one at GET /v1/audit" in first.reason.sentence


def test_a_stranger_who_tries_tokens(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """A network that begins with a run of 401, some hundred a second, is told within the first."""
    seen = [
        make_call(start_seconds + n / 100, status=401, account=None, key=None) for n in range(100)
    ]
    first = judged(ClientAccess(), seen)[1][0]
    assert (first.detector, first.entity) == ("access_denied", f"network {HOME}")
    assert "an unknown or missing key (401)" in first.reason.sentence


def test_who_is_always_refused_is_told_seldom(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """A client without a right that asks each minute all the same becomes a habit."""
    seen = [make_call(start_seconds + n * 60, status=403) for n in range(3_000)]
    rows = [each.row for each in judged(ClientAccess(), seen)[1]]
    assert rows
    assert max(rows) < 2_000


def test_calls_that_say_nothing_about_their_client(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """Lines of before, without network and key, are no finding and have no p-value."""
    seen = [make_call(start_seconds + n, account=None, address=None, key=None) for n in range(9)]
    p_values, findings = judged(ClientAccess(), seen)
    assert not findings
    assert all(p_value != p_value for p_value in p_values)  # noqa: PLR0124  NaN
