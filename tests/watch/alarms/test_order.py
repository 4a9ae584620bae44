"""How alarms hang together: order, circles, and what may not be taken away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, Suppressor
from tallystick.watch.alarms.order import children, in_order, needed_by


def _over(name: str, *others: str) -> Alarm:
    return Alarm(name, name, rule=" OR ".join(f"ALARM({other})" for other in others) or None)


def _kept_quiet(name: str, by: str) -> Alarm:
    return Alarm(name, name, suppressor=Suppressor(by))


def test_children_stand_before_their_parents() -> None:
    """However deep they are nested."""
    alarms = [_over("a", "b", "c"), _over("b", "c", "d"), _over("c", "d"), _over("d")]
    assert [alarm.name for alarm in in_order(alarms)] == ["d", "c", "b", "a"]
    assert children(alarms[0]) == ("b", "c")


@given(st.permutations("abcdef"), st.data())
def test_any_alarms_without_a_circle_have_an_order(names: list[str], data: st.DataObject) -> None:
    """Each alarm behind all that it names, and the same order however they were given."""
    alarms = []
    for i, name in enumerate(names):
        below = data.draw(st.sets(st.sampled_from(names[:i]))) if i else set()
        alarms.append(_over(name, *sorted(below)))
    ordered = in_order(alarms)
    assert ordered == in_order(reversed(alarms))
    place = {alarm.name: i for i, alarm in enumerate(ordered)}
    assert all(place[child] < place[alarm.name] for alarm in alarms for child in children(alarm))


@pytest.mark.parametrize(
    ("alarms", "code", "sentence"),
    [
        ([_over("a", "a")], "ALARM_CYCLE", "wait for each other in a circle: a -> a"),
        ([_over("a", "b"), _over("b", "c"), _over("c", "a")], "ALARM_CYCLE", "-> "),
        ([_kept_quiet("a", "b"), _kept_quiet("b", "a")], "ALARM_CYCLE", "keep each other quiet"),
        ([_over("a", "b")], "ALARM_REFERENCE", "a refers to b, and there is no such alarm"),
        ([_kept_quiet("a", "b")], "ALARM_REFERENCE", "a refers to b"),
        ([_over("a"), _over("a")], "ALARM_UNUSABLE", "two alarms called a"),
    ],
    ids=["itself", "circle", "quiet", "child", "suppressor", "twice"],
)
def test_what_cannot_be_ordered_is_refused(alarms: list[Alarm], code: str, sentence: str) -> None:
    """Circles by their names, and references to nobody."""
    with pytest.raises(Refused, match=sentence) as refusal:
        in_order(alarms)
    assert refusal.value.code == code


def test_a_suppressor_may_be_a_child() -> None:
    """Being kept quiet is no matter of state: it makes no circle with the rule."""
    parent = Alarm("a", "a", rule="ALARM(b) OR ALARM(c)", suppressor=Suppressor("b"))
    assert [each.name for each in in_order([parent, _over("b"), _over("c")])] == ["b", "c", "a"]


def test_what_others_need_is_named() -> None:
    """By a rule and by a suppressor; before one is deleted."""
    alarms = [_over("a", "b"), _kept_quiet("c", "b"), _over("b"), _over("d", "a")]
    assert needed_by("b", alarms) == ("a", "c")
    assert needed_by("d", alarms) == ()
