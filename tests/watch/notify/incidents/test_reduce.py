"""The reducer by itself: values in, a value out."""

import msgspec
import pytest

from tallystick.watch.notify import Alert
from tallystick.watch.notify.config import Alerting, PolicyText, StepText, every_target
from tallystick.watch.notify.incidents import handling, reduce
from tallystick.watch.notify.incidents.draft import Change
from tallystick.watch.notify.incidents.incident import Member
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing

SECOND = 10**9
NOW = 1_790_000_000 * SECOND
TARGETS = {name: {"type": "x"} for name in ("pager", "mail")}
STEPS = (StepText(("target:pager",)), StepText(("target:mail",), after_seconds=60))
RULES = Rules.of(Alerting(targets=TARGETS, policies={"all": PolicyText(STEPS, rounds=0)}))


def came(name: str = "a", severity: str = "warning", held: str = "") -> reduce.Arrival:
    """An alert that fires."""
    alert = Alert(f"{name}-1", name, severity, f"Trouble {name}.", "tests", "")  # type: ignore[arg-type]
    member = Member(name, alert.id, alert.severity, alert.summary, NOW)
    return reduce.Arrival(alert, member, held)


def opened(held: str = "", severity: str = "warning", rules: Rules = RULES) -> Change:
    """A new incident."""
    arrival = came(severity=severity, held=held)
    (place,) = rules.tree.places(arrival.alert)
    change = reduce.opened(place, arrival, None, 0, NOW, rules)
    return msgspec.structs.replace(
        change, incident=msgspec.structs.replace(change.incident, number=7)
    )


def told(change: Change) -> list[tuple[str, str]]:
    """Whom it tells, and why."""
    return [(each.target, each.why) for each in change.tell]


def whats(change: Change) -> list[str]:
    """What it writes into the timeline."""
    return [each.what for each in change.happenings]


def test_nothing_happens_to_what_is_given() -> None:
    """Values are never changed: the same call gives the same change."""
    before = opened().incident
    copy = msgspec.json.encode(before)
    first = reduce.joined(before, came("b", "critical"), NOW, RULES)
    assert first == reduce.joined(before, came("b", "critical"), NOW, RULES)
    assert msgspec.json.encode(before) == copy


def test_every_change_that_tells_is_one_transition() -> None:
    """The number goes up by one, whoever is told; and not at all where nobody is."""
    change = opened()
    assert change.incident.transitions == 1
    assert told(change) == [("pager", "opened")]
    quiet = opened(held="S-1")
    assert quiet.incident.transitions == 0
    assert whats(quiet) == ["opened", "held"]
    assert quiet.incident.held == "S-1"
    assert quiet.incident.due_ns == NOW + 15 * SECOND


def test_what_is_not_worse_changes_nothing_at_all() -> None:
    """The very same value."""
    before = opened().incident
    known = came().member
    assert reduce.again(before, known, came(severity="info"), NOW, RULES) == Change(before)


def test_severity_never_sinks_while_something_fires() -> None:
    """Whatever joins or ends."""
    incident = opened(severity="error").incident
    incident = reduce.joined(incident, came("b", "critical"), NOW, RULES).incident
    assert incident.severity == "critical"
    change = reduce.ended(incident, came("b", "critical").member, NOW, RULES, audible=True)
    assert change.incident.severity == "critical"
    assert change.incident.fires == 1


def test_a_held_one_that_is_worse_is_told_when_it_is_free() -> None:
    """The severity rises silently; with the hold gone those who know hear of it."""
    incident = opened().incident
    held = reduce.joined(incident, came("b", "critical", held="S-1"), NOW, RULES)
    assert told(held) == []
    assert held.incident.severity == "critical"
    quiet = reduce.tick(held.incident, reduce.Seen(0, "S-1"), NOW + SECOND, RULES)
    assert whats(quiet) == ["held"]
    free = reduce.tick(quiet.incident, reduce.Seen(2), NOW + 2 * SECOND, RULES)
    assert told(free) == [("pager", "worsened")]


def test_after_an_acknowledgement_only_those_who_know_hear_more() -> None:
    """It may become worse; it never escalates."""
    incident = handling.acknowledge(opened().incident, "ann", None, "", NOW, RULES).incident
    assert incident.acknowledged_until_ns == NOW + 3_600 * SECOND
    worse = reduce.joined(incident, came("b", "critical"), NOW, RULES)
    assert told(worse) == [("pager", "worsened")]
    later = reduce.tick(worse.incident, reduce.Seen(2), NOW + 3_000 * SECOND, RULES)
    assert told(later) == []
    gone = reduce.given_up(worse.incident, "pager", NOW, RULES)
    assert told(gone) == []


def test_acknowledged_again_by_the_same_person_only_holds_longer() -> None:
    """By another one it is said."""
    incident = handling.acknowledge(opened().incident, "ann", 60, "", NOW, RULES).incident
    again = handling.acknowledge(incident, "ann", 600, "", NOW, RULES)
    assert (told(again), whats(again)) == ([], [])
    assert again.incident.acknowledged_until_ns == NOW + 600 * SECOND
    other = handling.acknowledge(incident, "bob", 600, "pager", NOW, RULES)
    assert whats(other) == ["acknowledged"]
    assert told(other) == []  # the pager said so itself


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_target_gives_up_once(times: int) -> None:
    """However often it is said."""
    incident = opened().incident
    whys = []
    for _ in range(times):
        change = reduce.given_up(incident, "pager", NOW, RULES)
        incident = change.incident
        whys += told(change)
    assert whys == [("mail", "escalated")]


def test_when_every_channel_is_away_a_new_round_keeps_its_time() -> None:
    """Else all rounds would be gone in one moment."""
    policy = PolicyText(STEPS, rounds=5)
    rules = Rules.of(Alerting(targets=TARGETS, policies={"all": policy}))
    incident = opened(rules=rules).incident
    for target in ("pager", "mail"):
        incident = reduce.given_up(incident, target, NOW, rules).incident
    assert (incident.step, incident.round) == (2, 0)
    assert incident.step_ns > NOW


def test_of_a_resolved_one_nothing_is_due() -> None:
    """Ticks, targets that give up and a second resolve change nothing."""
    resolved = handling.resolve(opened().incident, "ann", "", "", NOW, RULES)
    assert resolved.end_all
    assert told(resolved) == [("pager", "resolved")]
    incident = resolved.incident
    assert incident.due_ns == 0
    assert reduce.tick(incident, reduce.Seen(), NOW * 2, RULES).incident == incident
    assert reduce.given_up(incident, "pager", NOW, RULES).incident == incident
    assert handling.resolve(incident, "bob", "", "", NOW, RULES).incident == incident
    assert handling.unacknowledge(incident, "bob", NOW, RULES).incident == incident


def test_without_targets_it_is_kept_all_the_same() -> None:
    """Nobody is told, and nothing breaks."""
    rules = Rules.of(every_target({}))
    change = opened(rules=rules)
    assert isinstance(change.incident, Standing)
    assert told(change) == []
    assert change.incident.due_ns == 0
