"""Composite alarms: rules in CloudWatch's syntax, and what they say of their children."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, State
from tallystick.watch.alarms.composite import (
    RULE_ALARMS_MAX,
    RULE_CHARACTERS_MAX,
    RULE_DEPTH_MAX,
    RULE_ELEMENTS_MAX,
    Composite,
    evaluate_rule,
    worst,
)

STATES: tuple[State, ...] = get_args(State)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("a")', True),
        ("ALARM(a)", True),
        ("alarm( a )", True),
        ('OK("b")', True),
        ("INSUFFICIENT_DATA(c)", True),
        ("ALARM(c)", False),
        ("OK(c)", False),
        ("NOT ALARM(a)", False),
        ("NOT NOT ALARM(a)", True),
        ("NOT ALARM(b) AND NOT ALARM(c)", True),
        ("NOT (ALARM(a) AND ALARM(b))", True),
        ("ALARM(a) OR ALARM(b) AND ALARM(c)", True),
        ("(ALARM(a) OR ALARM(b)) AND ALARM(c)", False),
        ("TRUE", True),
        ("FALSE OR (FALSE)", False),
        ("ALARM(or) or TRUE", True),
        ("ALARM(NOT.and-TRUE_1)", False),
        ("ALARM(\n  a\n)\n\tAND\nTRUE", True),
        ("ALARM(nobody)", False),
        ("INSUFFICIENT_DATA(nobody)", True),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    """NOT before AND before OR; names quoted or plain; an unknown state is not enough data."""
    states: dict[str, State] = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}
    assert Composite.parse(rule).holds(states) is holds


def test_the_alarms_of_a_rule() -> None:
    """Each once, as they come."""
    assert Composite.parse("ALARM(b) AND (OK(a) OR ALARM(b))").alarms == ("b", "a")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("ALARM", "'ALARM' does not fit at character 1"),
        ("ALARM()", "')' does not fit at character 7"),
        ('ALARM("a"', "it ends too early"),
        ("ALARM(a) AND", "it ends too early"),
        ("ALARM(a) ALARM(b)", "'ALARM(b)' does not fit at character 10"),
        ("ALARM(a, b)", "',' does not fit at character 8"),
        ("BROKEN(a)", "'BROKEN(a)' does not fit at character 1"),
        ("ALARM(a) & ALARM(b)", "'&' does not fit at character 10"),
        ("NOT" + " NOT" * RULE_DEPTH_MAX + " TRUE", "deeper than"),
        (" OR ".join(["TRUE"] * RULE_ELEMENTS_MAX), "more than 500 states"),
        (" OR ".join(f"OK(a{i})" for i in range(RULE_ALARMS_MAX + 1)), "more than 100 alarms"),
        ("ALARM(" + "a" * RULE_CHARACTERS_MAX + ")", "longer than"),
    ],
    ids=lambda text: text[:24],
)
def test_what_is_no_rule_is_refused_with_a_place(rule: str, reason: str) -> None:
    """A sentence that names the character, and what a rule is made of."""
    with pytest.raises(Refused, match=re.escape(reason)) as refusal:
        Composite.parse(rule)
    assert (refusal.value.code, refusal.value.field) == ("ALARM_UNUSABLE", "rule")


def test_the_largest_rule_is_taken() -> None:
    """The limits themselves are allowed."""
    Composite.parse(" OR ".join(f"OK(a{i})" for i in range(RULE_ALARMS_MAX)))
    Composite.parse(" OR ".join(["TRUE"] * (RULE_ELEMENTS_MAX // 2)))
    Composite.parse("NOT " * (RULE_DEPTH_MAX - 1) + "TRUE")
    assert Composite.parse("(" * 5_000 + "TRUE" + ")" * 5_000).holds({})


RULES = st.recursive(
    st.sampled_from([f"{state}({name})" for state in STATES for name in "abc"] + ["TRUE", "FALSE"]),
    lambda inner: st.one_of(
        inner.map(lambda rule: f"NOT ({rule})"),
        st.tuples(inner, inner).map(" AND ".join).map("({})".format),
        st.tuples(inner, inner).map(" OR ".join).map("({})".format),
    ),
    max_leaves=8,
)
MANY = st.fixed_dictionaries({name: st.sampled_from(STATES) for name in "abc"})


@given(RULES, RULES, MANY)
def test_the_algebra_holds(one: str, two: str, states: dict[str, State]) -> None:
    """De Morgan, and that AND and OR do not mind the order."""

    def holds(rule: str) -> bool:
        return Composite.parse(rule).holds(states)

    assert holds(f"NOT ({one} AND {two})") is holds(f"NOT ({one}) OR NOT ({two})")
    assert holds(f"({one}) AND ({two})") is (holds(one) and holds(two))
    assert holds(f"({one}) OR ({two})") is holds(f"({two}) OR ({one})")


@given(st.text('ALRMOKNDT()ab "&\x00\x1c\xa0\n', max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    """Nothing else comes out of the parser than a rule or a refusal."""
    code = "ALARM_UNUSABLE"
    try:
        Composite.parse(text).holds({})
    except Refused as refusal:
        code = refusal.code
    assert code == "ALARM_UNUSABLE"


def test_a_trace_says_which_child_it_is() -> None:
    """The rule, whether it holds, and the states of those that it names."""
    alarm = Alarm("both", "Both", rule="ALARM(a) AND ALARM(b)")
    trace = evaluate_rule(alarm, {"a": "ALARM", "b": "OK"}, "ALARM", 5)
    assert (trace.at_ns, trace.before, trace.state, trace.datapoints) == (5, "ALARM", "OK", ())
    assert trace.sentence == "OK: ALARM(a) AND ALARM(b) does not hold: a is ALARM, b is OK."
    many = Alarm("many", "Many", rule=" OR ".join(f"ALARM(a{i})" for i in range(9)))
    states: dict[str, State] = {f"a{i}": "ALARM" for i in range(7)}
    said = evaluate_rule(many, states, "OK", 5).sentence
    assert said.endswith("holds: 7 of 9 are in ALARM (a0, a1, a2, a3, a4 ...).")
    assert evaluate_rule(Alarm("x", "X", rule="TRUE"), {}, "OK", 0).sentence == (
        "ALARM: TRUE holds: it names no alarm."
    )


def test_the_worst_of_many_series() -> None:
    """One state for an alarm whose series each have their own."""
    assert worst(["OK", "INSUFFICIENT_DATA", "ALARM"]) == "ALARM"
    assert worst(["INSUFFICIENT_DATA", "OK"]) == "OK"
    assert worst([]) == worst(["INSUFFICIENT_DATA"]) == "INSUFFICIENT_DATA"
