"""What becomes of alerts: whole stories, through the notifier and a real store."""

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.errors import Overloaded, Refused
from tallystick.watch.notify import Deduplicated, Deliver, IncidentFilter, Matcher, Silenced

Build = Callable[..., Any]
MINUTE = 60
HOUR = 3_600

PLAIN = """
[targets]
pager = { type = "pagerduty" }
mail = { type = "email" }
"""


def test_an_alert_opens_an_incident_and_the_first_step_is_told_at_once(desk: Build) -> None:
    """Incident, timeline and message are there when raise_alert returns."""
    d = desk()
    assert d.fire("a", "critical", l_team="fx") == Deliver(("pager",))
    incident = d.only()
    assert (incident.id, incident.state, incident.severity) == ("I-1", "open", "critical")
    assert (incident.route, incident.policy, incident.labels) == ("desk", "page", {"team": "fx"})
    assert d.told() == [("pager", "I-1", "opened")]
    assert [(each.what, each.by) for each in d.timeline()] == [
        ("opened", "tests"),
        ("told", "pager"),
    ]
    assert d.timeline()[1].text == "opened [p]"


def test_it_escalates_until_somebody_acknowledges(desk: Build) -> None:
    """Pager, five minutes later mail; then the second round; after that only repeats."""
    d = desk()
    d.fire()
    assert d.told() == [("pager", "I-1", "opened")]
    assert d.later(299) == []
    assert d.later(6) == [("mail", "I-1", "escalated")]
    assert d.later(305) == [("pager", "I-1", "escalated")]
    assert d.later(305) == [("mail", "I-1", "escalated")]
    assert d.later(3 * HOUR) == []
    assert d.later(HOUR + MINUTE) == [("pager", "I-1", "repeated"), ("mail", "I-1", "repeated")]


def test_an_acknowledged_one_wakes_nobody_else(desk: Build) -> None:
    """Those who were told hear who has it; nothing more until it runs out or ends."""
    d = desk()
    d.fire()
    d.told()
    taken = d.notifier.acknowledge("I-1", "ann")
    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "ann")
    assert d.told() == [("pager", "I-1", "acknowledged")]
    assert d.later(HOUR - 10) == []
    d.notifier.acknowledge("I-1", "ann")
    assert d.later(HOUR - 10) == []
    assert d.later(20) == [("pager", "I-1", "unacknowledged")]
    assert d.only().state == "open"
    assert d.later(301) == [("mail", "I-1", "escalated")]


def test_an_acknowledgement_may_hold_for_good_or_be_given_back(desk: Build) -> None:
    """0 seconds: until the end; by hand it is told from the first step on."""
    d = desk()
    d.fire()
    d.told()
    d.notifier.acknowledge("I-1", "ann", seconds=0, via="pager")
    assert d.later(10 * HOUR) == []
    d.notifier.unacknowledge("I-1", "bob")
    assert d.told() == [("pager", "I-1", "unacknowledged")]
    assert d.whats()[-3:] == ["acknowledged", "unacknowledged", "told"]


def test_the_end_is_told_to_all_who_heard_the_beginning(desk: Build) -> None:
    """And to nobody else."""
    d = desk()
    d.fire()
    d.later(301)
    assert d.end() == Deliver(("pager", "mail"))
    assert d.told() == [("pager", "I-1", "resolved"), ("mail", "I-1", "resolved")]
    assert d.only().state == "resolved"
    assert d.later(HOUR) == []


def test_a_group_is_one_incident(desk: Build) -> None:
    """Further alerts are told together, after the group's interval; it ends with the last one."""
    d = desk()
    d.fire("a", l_team="fx")
    d.told()
    assert d.fire("b", l_team="fx") == Deliver(("pager",))
    assert d.fire("c", l_team="fx") == Deliver(("pager",))
    assert d.notifier.recent(1)[0].deliveries[0].state == "pending"
    assert d.fire("d", l_team="rates") == Deliver(("pager",))
    assert d.told() == [("pager", "I-2", "opened")]
    heard = d.later(301)
    assert ("pager", "I-1", "joined") not in heard
    assert ("mail", "I-1", "escalated") in heard  # the step tells of all of them
    assert {each.state for each in d.notifier.recent(2)[1].deliveries} == {"delivered"}
    d.end("a")
    d.end("b")
    assert d.notifier.incident("I-1").incident.state == "open"
    d.end("c")
    assert d.notifier.incident("I-1").incident.state == "resolved"


def test_news_of_a_group_wait_for_its_interval(desk: Build) -> None:
    """With an hour between the steps, what joins is said after five minutes, once."""
    d = desk(file=PLAIN, more='[[routes]]\nname = "r"\ngroup_by = []\n')
    d.fire("a")
    d.told()
    d.fire("b")
    d.fire("c")
    assert d.later(298) == []
    assert d.later(5) == [("pager", "I-1", "joined"), ("mail", "I-1", "joined")]
    assert d.later(HOUR) == []
    d.fire("d")
    assert d.told() == [("pager", "I-1", "joined"), ("mail", "I-1", "joined")]


def test_a_group_may_gather_before_it_speaks(desk: Build) -> None:
    """One message for all that came within the wait."""
    d = desk(file=PLAIN, more='[[routes]]\nname="r"\ngroup_by=[]\ngroup_wait_seconds=30\n')
    assert d.fire("a") == Deliver(())
    assert d.notifier.recent(1)[0].deliveries[0].state == "pending"
    d.fire("b")
    assert d.later(25) == []
    assert d.later(10) == [("pager", "I-1", "opened"), ("mail", "I-1", "opened")]
    assert [len(each.deliveries) for each in d.notifier.recent(2)] == [2, 2]


def test_the_same_trouble_again_says_nothing_until_it_is_worse(desk: Build) -> None:
    """Duplicates are counted on the alert that speaks; severity rises and never sinks."""
    d = desk()
    d.fire("a", id="first")
    assert d.fire("a") == Deduplicated("first")
    assert d.fire("a", "info") == Deduplicated("first")
    d.told()
    assert d.fire("a", "error", id="worse") == Deliver(("pager",))
    assert d.told() == [("pager", "I-1", "worsened")]
    assert d.fire("a", "warning") == Deduplicated("worse")
    assert d.only().severity == "error"
    assert [each.swallowed for each in d.notifier.recent(10)] == [0, 1, 0, 0, 2]


def test_an_id_is_raised_once(desk: Build) -> None:
    """Raised again, it changes nothing and gives its first decision."""
    d = desk()
    first = d.fire("a", id="x")
    before = (d.only(), d.timeline(), d.notifier.recent(9))
    assert d.fire("a", id="x", severity="critical") == first
    assert (d.only(), d.timeline(), d.notifier.recent(9)) == before
    end = d.end("a", id="y")
    d.fire("a", id="z")
    assert d.end("a", id="y") == end
    assert d.only().state == "open"


def test_an_alert_that_says_its_end_ends_then(desk: Build) -> None:
    """Said again, it lives on: also under the same id. After that it opens anew."""
    d = desk()
    d.fire("a", id="x", ends_at=d.stamp(60))
    d.later(50)
    d.fire("a", id="x", ends_at=d.stamp(60))
    d.later(50)
    assert d.only().state == "open"
    d.later(20)
    assert d.only().state == "resolved"
    assert d.whats()[-3:] == ["ended", "resolved", "told"]
    d.later(HOUR)
    d.fire("a", id="x", ends_at=d.stamp(60))
    assert [each.state for each in d.notifier.incidents(IncidentFilter(), 9)] == [
        "open", "resolved",
    ]  # fmt: skip


def test_an_end_under_the_same_id_counts_and_a_late_one_does_not(desk: Build) -> None:
    """Prometheus says the end with the alert's own start; what began later goes on."""
    d = desk()
    start = d.stamp()
    d.fire("a", id="x", starts_at=start)
    d.clock.advance(10)
    d.end("a", id="x", starts_at=start)
    assert d.only().state == "resolved"
    ended = d.stamp()
    d.clock.advance(10)
    d.fire("a", id="y")
    assert d.only().state == "open"
    d.end("a", id="late", ends_at=ended)
    assert d.only().state == "open"


def test_soon_again_is_the_same_incident_later_a_new_one(desk: Build) -> None:
    """Within reopen_seconds it reopens, and is told from the first step."""
    d = desk()
    d.fire()
    d.later(301)
    d.end()
    d.told()
    d.clock.advance(200)
    d.fire()
    assert d.told() == [("pager", "I-1", "reopened")]
    d.end()
    assert d.told() == [("pager", "I-1", "resolved")]
    d.clock.advance(301)
    d.fire()
    assert d.told() == [("pager", "I-2", "opened")]


def test_keys_of_messages_never_meet(desk: Build) -> None:
    """Two incidents of one group have one deduplication key; each message has its own key."""
    d = desk()
    keys, dedup = [], set()
    for _ in range(3):
        d.fire()
        d.end()
        while (due := d.store.next_due("pager", d.clock.now_ns())) is not None:
            keys.append(due.message.key)
            dedup.add(due.message.dedup_key)
            d.store.settle(due, "delivered", d.clock.now_ns())
        d.clock.advance(HOUR)
    assert len(keys) == len(set(keys)) == 6
    assert len(dedup) == 1


def test_flapping_is_held_open_and_said_once(desk: Build) -> None:
    """After too many changes nothing is said until it was quiet; then that it is over."""
    d = desk("[flap]\nchanges = 4\nseconds = 1800\nquiet_seconds = 600\n")
    for _ in range(8):
        d.fire()
        d.clock.advance(10)
        d.end()
        d.clock.advance(10)
    whys = [why for _, _, why in d.told()]
    assert whys == ["opened", "resolved", "reopened", "resolved", "reopened"]
    assert d.only().state == "open"
    assert "flap damping" in [each.by for each in d.timeline()]
    assert d.later(550) == []
    assert d.later(100) == [("pager", "I-1", "resolved")]


def test_silenced_alerts_tell_nobody_and_the_timeline_says_why(desk: Build) -> None:
    """When the silence ends and it still fires, it is told."""
    d = desk()
    now = d.clock.now_ns()
    matcher = (Matcher("team", "=", "fx"),)
    silence = d.notifier.add_silence(matcher, now, now + 120 * 10**9, "upgrade", "ann")
    assert d.fire("a", l_team="fx") == Silenced(silence.id)
    assert d.fire("a", l_team="fx") == Silenced(silence.id)
    assert d.told() == []
    assert [(each.what, each.by) for each in d.timeline()] == [
        ("opened", "tests"), ("held", "S-1"),
    ]  # fmt: skip
    assert d.later(115) == []
    assert d.later(30) == [("pager", "I-1", "opened")]


def test_a_silence_stops_an_escalation_and_its_end_lets_it_go_on(desk: Build) -> None:
    """Whoever silences what pages them has peace at once; those who were told hear the end."""
    d = desk()
    d.fire("a", l_team="fx")
    d.told()
    now = d.clock.now_ns()
    silence = d.notifier.add_silence(
        (Matcher("team", "=", "fx"),), now, now + 9 * HOUR * 10**9, "known", "ann"
    )
    assert d.later(2 * HOUR) == []
    assert d.whats() == ["opened", "told", "held"]
    d.notifier.end_silence(silence.id)
    assert d.told() == [("mail", "I-1", "escalated")]
    d.end()
    assert d.told() == [("pager", "I-1", "resolved"), ("mail", "I-1", "resolved")]


def test_a_silenced_one_that_ends_was_never_told(desk: Build) -> None:
    """No trigger, no resolve."""
    d = desk()
    now = d.clock.now_ns()
    d.notifier.add_silence((Matcher("name", "=", "a"),), now, now + HOUR * 10**9, "x", "y")
    d.fire()
    d.end()
    assert d.told() == []
    assert d.only().state == "resolved"


def test_one_silenced_alert_does_not_quieten_its_group(desk: Build) -> None:
    """The other is told; the message has only those that may be told."""
    d = desk()
    now = d.clock.now_ns()
    d.notifier.add_silence((Matcher("name", "=", "a"),), now, now + HOUR * 10**9, "x", "y")
    d.fire("a", l_team="fx")
    d.fire("b", l_team="fx")
    due = d.store.next_due("pager", d.clock.now_ns())
    assert [each.summary for each in due.message.alerts] == ["Trouble b."]
    assert d.told() == [("pager", "I-1", "opened")]


def test_what_joined_silently_is_news_when_its_silence_ends(desk: Build) -> None:
    """Those who know of the incident hear that there is more."""
    d = desk(file=PLAIN, more='[[routes]]\nname = "r"\ngroup_by = []\n')
    now = d.clock.now_ns()
    d.notifier.add_silence((Matcher("name", "=", "b"),), now, now + 600 * 10**9, "x", "y")
    d.fire("a")
    d.told()
    assert d.fire("b") == Silenced("S-1")
    assert d.later(595) == []
    assert d.later(30) == [("pager", "I-1", "joined"), ("mail", "I-1", "joined")]


INHIBIT = """
[[inhibit]]
source = ['kind="away"']
target = ['kind="late"']
equal = ["host"]
"""


def test_an_inhibited_alert_waits_for_its_cause(desk: Build) -> None:
    """While the cause fires nobody is told of what follows; afterwards they are."""
    d = desk(INHIBIT)
    d.fire("cause", id="cause", l_kind="away", l_host="h", l_team="ops")
    assert d.fire("late", l_kind="late", l_host="h", l_team="fx") == Silenced("inhibited:cause")
    assert d.fire("far", l_kind="late", l_host="g", l_team="far") == Deliver(("pager",))
    assert d.told() == [("pager", "I-1", "opened"), ("pager", "I-3", "opened")]
    d.end("cause")
    assert d.told() == [("pager", "I-1", "resolved"), ("pager", "I-2", "opened")]


def test_rules_that_change_are_known_after_a_restart(desk: Build, tmp_path: Any) -> None:
    """What fires already can keep others quiet, though the rule is newer."""
    path = str(tmp_path / "notify.db")
    before = desk(path=path)
    before.fire("cause", id="cause", l_kind="away", l_host="h", l_team="ops")
    before.store.close()
    after = desk(INHIBIT, path=path)
    assert after.fire("late", l_kind="late", l_host="h") == Silenced("inhibited:cause")


FILE_OF_ALL = PLAIN + '[[routes]]\nname = "r"\ngroup_by = []\n'
MUTED = """
mute = ["night"]
[mute_times.night]
intervals = [{ times = [{ start = "22:00", end = "24:00" }] }]
"""


def test_muted_routes_are_quiet_until_morning(desk: Build) -> None:
    """The manual clock starts at 22:13:20 UTC; at midnight it is told."""
    d = desk(MUTED)
    assert d.fire() == Silenced("mute:night")
    assert d.later(HOUR) == []
    assert d.whats() == ["opened", "held"]
    assert d.later(47 * MINUTE) == [("pager", "I-1", "opened")]


def test_news_that_come_while_it_is_muted_wait_too(desk: Build) -> None:
    """Told before the mute began; what joins or worsens meanwhile is told afterwards."""
    d = desk(MUTED.replace("22:00", "22:15"), file=FILE_OF_ALL)
    d.fire("a")
    assert d.told() == [("pager", "I-1", "opened"), ("mail", "I-1", "opened")]
    d.clock.advance(10 * MINUTE)
    d.fire("b")
    d.fire("a", "critical")
    assert d.later(90 * MINUTE) == []
    assert d.later(10 * MINUTE) == [("pager", "I-1", "worsened"), ("mail", "I-1", "worsened")]


def test_an_acknowledged_one_stays_quiet_when_its_silence_ends(desk: Build) -> None:
    """Somebody has it."""
    d = desk()
    now = d.clock.now_ns()
    made = d.notifier.add_silence((Matcher("name", "=", "a"),), now, now + 10**12, "x", "y")
    d.fire("a")
    d.notifier.acknowledge("I-1", "ann", seconds=0)
    d.notifier.end_silence(made.id)
    assert d.later(HOUR) == []


def test_the_fallback_of_an_earlier_step_is_told_too(desk: Build) -> None:
    """A target that two steps told gives up: whom the first names in its place hears it."""
    d = desk(
        '[policies.p]\nsteps = [{ tell = ["target:pager"], fallback = ["target:mail"] },'
        ' { tell = ["target:pager"] }]\n[[routes]]\nname = "r"\npolicy = "p"\n',
        file=PLAIN,
    )
    d.fire()
    d.notifier.look()
    due = d.store.next_due("pager", d.clock.now_ns())
    d.store.settle(due, "dead", d.clock.now_ns(), "gone")
    assert ("mail", "I-1", "escalated") in d.told()


STORM = "[storm]\nincidents = 3\nseconds = 60\n"


def test_a_storm_is_told_by_one(desk: Build) -> None:
    """Three are told, the others are held; one incident speaks for them, until few are left."""
    d = desk(STORM, file=PLAIN)
    for n in range(10):
        d.fire(f"t{n}")
    told = [(incident, why) for target, incident, why in d.told() if target == "pager"]
    assert told == [("I-1", "opened"), ("I-2", "opened"), ("I-3", "opened"), ("I-4", "storm")]
    found = d.notifier.incidents(IncidentFilter(state="open"), 99)
    assert [each.held for each in found[:2]] == ["storm:I-4"] * 2
    summary = d.notifier.incident("I-4")
    assert (summary.incident.fires, len(summary.alerts)) == (7, 7)
    assert d.later(301) == [("pager", "I-4", "storm"), ("mail", "I-4", "storm")]
    for n in range(3, 8):
        d.end(f"t{n}")
    heard = d.later(20)
    assert ("pager", "I-4", "resolved") in heard
    assert {(incident, why) for _, incident, why in heard if incident != "I-4"} == {
        ("I-10", "opened"), ("I-11", "opened"),
    }  # fmt: skip


def test_whoever_resolves_a_storm_resolves_all_of_it(desk: Build) -> None:
    """Nobody hears of the others one by one."""
    d = desk(STORM, file=PLAIN)
    for n in range(10):
        d.fire(f"t{n}")
    d.told()
    d.notifier.resolve("I-4", "ann", "exchange test")
    assert {incident for _, incident, _ in d.told()} == {"I-4"}
    states = {each.id: each.state for each in d.notifier.incidents(IncidentFilter(), 99)}
    assert [states[f"I-{n}"] for n in (1, 4, 5, 11)] == ["open", *["resolved"] * 3]
    assert d.notifier.incident("I-5").incident.resolved_by == "ann"


def test_a_storm_of_one_route_hides_nothing_of_another(desk: Build) -> None:
    """Each route has its own storms."""
    d = desk(STORM + '[[routes]]\nname = "page"\nmatch = ["severity=critical"]\n', file=PLAIN)
    for n in range(10):
        d.fire(f"t{n}")
    d.told()
    assert d.fire("real", "critical") == Deliver(("pager", "mail"))


def test_a_target_that_gives_up_is_replaced_by_the_next(desk: Build) -> None:
    """The step's only target is dead: the next step is taken at once; dead there too: fallback."""
    d = desk()
    d.fire()
    due = d.store.next_due("pager", d.clock.now_ns())
    d.store.settle(due, "dead", d.clock.now_ns(), "answered 410")
    d.notifier.look()
    assert d.whats() == ["opened", "failed", "escalated"]
    due = d.store.next_due("mail", d.clock.now_ns())
    assert due.message.why == "escalated"
    d.store.settle(due, "dead", d.clock.now_ns(), "no such box")
    assert d.told() == [("chat", "I-1", "escalated")]


def test_an_open_circuit_counts_as_given_up_but_the_message_stays(desk: Build) -> None:
    """When the target is back it still gets its message, in order."""
    d = desk()
    d.fire()
    d.store.stuck("pager")
    d.store.stuck("pager")
    d.notifier.look()
    d.end()
    assert d.told() == [
        ("pager", "I-1", "opened"),
        ("mail", "I-1", "escalated"),
        ("pager", "I-1", "resolved"),
        ("mail", "I-1", "resolved"),
    ]


def test_an_alert_that_worsens_goes_where_it_belongs(desk: Build) -> None:
    """A route by severity takes it over; where it was it has ended. It does not go back."""
    d = desk('match = ["severity=critical"]\n[[routes]]\nname = "mails"\n')
    d.fire("a", "warning")
    assert d.only().route == "mails"
    d.fire("a", "critical", id="worst")
    found = d.notifier.incidents(IncidentFilter(), 9)
    assert [(each.route, each.state) for each in found] == [("desk", "open"), ("mails", "resolved")]
    assert d.fire("a", "warning") == Deduplicated("worst")
    assert len(d.notifier.active(9)) == 1


def test_a_route_that_continues_makes_an_incident_of_each(desk: Build) -> None:
    """One alert, two routes, two incidents; its end ends both."""
    d = desk('continue = true\n[[routes]]\nname = "audit"\n')
    assert d.fire() == Deliver(("pager", "mail", "chat"))
    (active,) = d.notifier.active(9)
    assert set(active.incidents) == {"I-1", "I-2"}
    d.end()
    assert {each.state for each in d.notifier.incidents(IncidentFilter(), 9)} == {"resolved"}


def test_resolved_by_hand_it_is_over_for_all_its_alerts(desk: Build) -> None:
    """The timeline has who and why; what fires again opens it anew."""
    d = desk()
    d.fire("a", id="x")
    d.fire("b")
    d.told()
    d.notifier.resolve("I-1", "ann", "restarted the feed")
    assert d.told() == [("pager", "I-1", "resolved")]
    assert d.timeline()[-2].text == "restarted the feed"
    assert d.notifier.active(9) == []
    d.fire("a", id="x")
    assert d.only().state == "resolved"
    d.fire("a")
    assert d.told() == [("pager", "I-1", "reopened")]


def test_impossible_deeds_are_refused(desk: Build) -> None:
    """With a code each."""
    d = desk()
    d.fire()
    d.notifier.resolve("I-1", "ann")
    n = d.notifier
    deeds: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: n.acknowledge("I-1", "ann"), "INCIDENT_RESOLVED"),
        (lambda: n.acknowledge("I-2", "ann"), "UNKNOWN_INCIDENT"),
        (lambda: n.acknowledge("I-1", "ann", seconds=-1), "ACKNOWLEDGE_SECONDS"),
        (lambda: n.resolve("x", "ann"), "UNKNOWN_INCIDENT"),
        (lambda: n.unacknowledge("I-" + "9" * 99, "ann"), "UNKNOWN_INCIDENT"),
        (lambda: n.incident("I-0"), "UNKNOWN_INCIDENT"),
        (lambda: n.note("I-1", "ann", "  "), "NOTE_EMPTY"),
        (lambda: n.note("I-1", "ann", "x" * 5_000), "NOTE_TOO_LONG"),
        (lambda: n.test_target("nobody", "ann"), "UNKNOWN_TARGET"),
        (lambda: n.message(77), "UNKNOWN_MESSAGE"),
        (lambda: n.replay_dead(77), "UNKNOWN_MESSAGE"),
        (lambda: n.replay_dead(1), "MESSAGE_NOT_DEAD"),
        (lambda: d.fire("b", ends_at="tomorrow"), "ALERT_TIME"),
        (lambda: d.fire("b", summary="x" * 70_000), "ALERT_TOO_LARGE"),
    )
    for deed, code in deeds:
        with pytest.raises(Refused) as refused:
            deed()
        assert refused.value.code == code


def test_a_target_can_be_tested_and_a_dead_message_replayed(desk: Build) -> None:
    """Both go the way of every message."""
    d = desk()
    number = d.notifier.test_target("mail", "ann")
    assert d.told() == [("mail", "", "test")]
    assert d.notifier.message(number).state == "delivered"
    d.fire()
    due = d.store.next_due("pager", d.clock.now_ns())
    d.store.settle(due, "dead", d.clock.now_ns(), "answered 400")
    (dead,) = d.notifier.dead(9)
    assert (dead.target, dead.incident, dead.last_error) == ("pager", "I-1", "answered 400")
    assert ("pager", 1) in [(each.name, each.dead) for each in d.notifier.targets()]
    d.clock.advance(5)
    again = d.notifier.replay_dead(dead.id)
    assert (again.state, again.attempts) == ("pending", 0)
    assert ("pager", "I-1", "opened") in d.told()


def test_incidents_are_found_by_what_they_are(desk: Build) -> None:
    """State, severity, route, labels, pages, and the key."""
    d = desk()
    for n, team in enumerate(("fx", "rates", "fx2")):
        d.fire(f"a{n}", "error" if team == "rates" else "warning", l_team=team)
    d.notifier.acknowledge("I-2", "ann")
    d.notifier.resolve("I-3", "ann")

    def ids(**wanted: Any) -> list[str]:
        """Of those that are found."""
        return [each.id for each in d.notifier.incidents(IncidentFilter(**wanted), 9)]

    assert ids() == ["I-3", "I-2", "I-1"]
    assert ids(state="open") == ["I-1"]
    assert ids(state="unresolved") == ["I-2", "I-1"]
    assert ids(severity="error") == ["I-2"]
    assert ids(route="desk", label={"team": "fx"}) == ["I-1"]
    assert ids(route="none") == []
    assert [each.id for each in d.notifier.incidents(IncidentFilter(), 1, before=3)] == ["I-2"]
    assert d.notifier.find(d.notifier.incident("I-2").incident.key).id == "I-2"
    assert d.notifier.find("x") is None


def test_without_anybody_to_tell_incidents_are_kept_all_the_same(desk: Build) -> None:
    """No targets: nothing breaks, and everything can be looked at."""
    d = desk(file="")
    assert d.fire("a", id="x") == Deliver(())
    assert d.fire("a") == Deduplicated("x")
    assert d.later(HOUR) == []
    d.end()
    assert d.only().state == "resolved"


def test_a_policy_that_reaches_nobody_tells_everybody(desk: Build) -> None:
    """A schedule without people: the alert is not lost."""
    d = desk(
        '[people.ann]\ntargets = ["mail"]\n'
        '[schedules.s]\nlayers = [{ people = ["ann"], starts = "2099-01-01T00:00" }]\n'
        '[policies.p]\nsteps = [{ tell = ["schedule:s"] }]\n'
        '[[routes]]\nname = "r"\npolicy = "p"\n',
        file=PLAIN,
    )
    assert d.fire() == Deliver(("pager", "mail"))


def test_a_long_story_keeps_what_matters(desk: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that come in numbers make room, and are counted; what people did stays."""
    monkeypatch.setattr("tallystick.watch.notify.incidents.book.HAPPENINGS_MAX", 10)
    d = desk()
    d.fire("a", l_team="fx")
    d.notifier.note("I-1", "ann", "looking\ninto it")
    for n in range(30):
        d.fire(f"b{n}", l_team="fx")
    record = d.notifier.incident("I-1")
    assert len(record.timeline) == 10
    assert record.timeline_left_out == 22
    assert [each.what for each in record.timeline[:2]] == ["opened", "noted"]
    assert record.timeline[1].text == "looking\ninto it"
    assert len(record.incident.members) == 31
    assert record.incident.fires == 31


def test_a_message_says_all_that_is_known(desk: Build) -> None:
    """Of a trigger what fires, the newest first; of a resolve what did, and since when no more."""
    d = desk()
    d.fire("a", "critical", l_team="fx", position=7, order_id="O-7")
    first = d.store.next_due("pager", d.clock.now_ns()).message
    assert (first.action, first.number, first.firing, first.by) == ("trigger", 1, 1, "")
    assert (first.title, first.labels, first.severity) == ("Trouble a.", {"team": "fx"}, "critical")
    assert [(each.position, each.order_id) for each in first.alerts] == [(7, "O-7")]
    assert len(first.key) == len(first.dedup_key) == 64
    d.fire("b", l_team="fx")
    d.told()
    d.clock.advance(5)
    d.end("a")
    d.notifier.resolve("I-1", "ann")
    last = d.store.next_due("pager", d.clock.now_ns()).message
    assert (last.action, last.number, last.firing, last.by) == ("resolve", 2, 0, "ann")
    assert {each.summary for each in last.alerts} == {"Trouble a.", "Trouble b."}
    assert {each.ends_at for each in last.alerts} == {d.stamp()}
    assert (last.dedup_key, last.title) == (first.dedup_key, first.title)


def test_a_message_has_a_size(desk: Build) -> None:
    """The first alert is always in it; large ones leave others out, which are counted."""
    d = desk(file=PLAIN, more='[[routes]]\nname="r"\ngroup_by=[]\ngroup_wait_seconds=30\n')
    for n in range(30):
        d.fire(f"s{n}")
    d.clock.advance(31)
    d.notifier.look()
    message = d.store.next_due("pager", d.clock.now_ns()).message
    assert (message.firing, len(message.alerts)) == (30, 20)
    assert message.alerts[0].summary == "Trouble s29."
    for n in range(10):
        d.fire(f"l{n}", summary="x" * 60_000)
    d.clock.advance(301)
    d.told()
    d.notifier.resolve("I-1", "ann")
    assert len(d.store.next_due("pager", d.clock.now_ns()).message.alerts) < 20


def test_more_than_can_be_kept_is_sent_back(desk: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts that fire are never forgotten, so there is an end to them: come back later."""
    monkeypatch.setattr("tallystick.watch.notify.incidents.engine.FIRING_MAX", 50)
    d = desk(file="")
    for n in range(63):
        d.fire(f"a{n}")
    with pytest.raises(Overloaded):
        d.fire("one more")
    assert len(d.notifier.active(999)) == 63
    d.end("a1")
