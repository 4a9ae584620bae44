"""The input transformer: AWS's documented examples and what cannot be used."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.stream.rules import read_event
from tallystick.stream.rules.transform import Input, Transformer, json_path, value_at

EVENT = read_event(
    json.dumps(
        {
            "version": "0",
            "id": "7bf73129",
            "detail-type": "EC2 Instance State-change Notification",
            "time": "2015-11-11T21:29:54Z",
            "detail": {
                "instance-id": "i-0123456789",
                "state": "RUNNING",
                "quoted": 'a "b"',
                "count": 9,
                "list": [{"x": 1}, {"x": 2}],
                "object": {"k": "v"},
            },
        }
    ).encode()
)
PATHS = {
    "timestamp": "$.time",
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "quoted": "$.detail.quoted",
    "count": "$.detail.count",
    "list": "$.detail.list",
    "all": "$.detail.list[*].x",
    "object": "$.detail.object",
    "missing": "$.detail.nothing",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', "instance i-0123456789 is in RUNNING"),
        (r'"instance \"<instance>\" is in <state>"', 'instance "i-0123456789" is in RUNNING'),
        ('{"instance": <instance>, "state": <state>}',
         {"instance": "i-0123456789", "state": "RUNNING"}),
        (r'{"i": <instance>, "s": "<state>", "t": "instance \"<instance>\" is in <state>"}',
         {"i": "i-0123456789", "s": "RUNNING", "t": 'instance "i-0123456789" is in RUNNING'}),
        ('{"instance": <instance>, "state": [9, <state>, true], "Transformed": "Yes"}',
         {"instance": "i-0123456789", "state": [9, "RUNNING", True], "Transformed": "Yes"}),
        ('{"ruleArn": <aws.events.rule-arn>, "ruleName": <aws.events.rule-name>}',
         {"ruleArn": "rule/example", "ruleName": "example"}),
        ('{"e": <aws.events.event.json>}', {"e": EVENT.members}),
        ('{"e": <aws.events.event>}',
         {"e": {k: v for k, v in EVENT.members.items() if k != "detail"}}),
        ('{"at": <aws.events.event.ingestion-time>}', {"at": "1970-01-01T00:00:01.000000Z"}),
        ('"<aws.events.rule-name> triggered"', "example triggered"),
        ("<instance> is in state <state>", "i-0123456789 is in state RUNNING"),
        ("<list>", [{"x": 1}, {"x": 2}]),
        ('"a <instance>"\n"b <state>"', "a i-0123456789\nb RUNNING"),
        ('{"quoted": <quoted>, "inside": "<quoted>"}', {"quoted": 'a "b"', "inside": 'a "b"'}),
        ('{"n": <count>, "t": "<count>"}', {"n": 9, "t": "9"}),
        ('{"v": <missing>, "t": "-<missing>-"}', {"v": "", "t": "--"}),
        ('{"o": <object>, "t": "<object>", "a": <all>}',
         {"o": {"k": "v"}, "t": "{k:v}", "a": [1, 2]}),
    ],
)  # fmt: skip
def test_the_documented_templates(template: str, expected: object) -> None:
    """What AWS's page shows is what comes out, as JSON."""
    made = Input(Transformer(template, PATHS)).of(EVENT, "example", 10**9)
    assert json.loads(made) == expected


def test_the_other_three_inputs() -> None:
    """The whole event, a part of it, or always the same."""
    assert Input().of(EVENT, "r", 0) == EVENT.body
    assert Input(path="$.detail.list[1].x").of(EVENT, "r", 0) == b"2"
    assert Input(path="$.nothing").of(EVENT, "r", 0) == b"null"
    assert Input(constant=' {"a": 1}').of(EVENT, "r", 0) == b'{"a":1}'


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8),
              st.sampled_from(['"', "\\", '\\"', "<v>", "\n", '"]', "\u2028"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_whatever_an_event_holds_the_result_is_json(value: object) -> None:
    """No value breaks out of its place, inside quotes or outside."""
    event = read_event(msgspec.json.encode({"id": "1", "v": value}))
    templates = ('{"a": <v>, "b": "x<v>y", "c": 1}', '"<v>"', "<v> and <v>", "<v>", '["<v>"]')
    made = [json.loads(Input(Transformer(t, {"v": "$.v"})).of(event, "r", 0)) for t in templates]
    assert made[0].keys() == {"a", "b", "c"}
    assert made[0]["a"] == made[3] == value
    assert isinstance(made[1], str)
    if isinstance(value, str):
        assert made[0]["b"] == f"x{value}y"
        assert made[2] == f"{value} and {value}"


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("$.a.b-c", ("a", "b-c")),
        ("$.a[0].b", ("a", 0, "b")),
        ("$.a[*]", ("a", "*")),
        ("$.*", ("*",)),
        ("$['a.b']", ("a.b",)),
    ],
)
def test_paths(path: str, steps: tuple[str | int, ...]) -> None:
    """Dots, dashes, indices and wildcards, as EventBridge has them."""
    assert json_path(path) == steps


def test_values_that_are_not_there() -> None:
    """Each step may lead nowhere."""
    for path in ("$.a.b", "$.l[5]", "$.l.x", "$.a[0]", "$.a[*].x"):
        assert value_at({"a": 1, "l": [1]}, json_path(path), "none") == "none", path


@pytest.mark.parametrize(
    ("template", "paths", "reason"),
    [
        ("<unknown>", {}, "<unknown> is not in InputPathsMap"),
        ('{"a": <x>', {"x": "$.a"}, "no JSON once it is filled in"),
        ("{<x>: 1}", {"x": "$.a"}, "no JSON once it is filled in"),
        ("x", {"aws.x": "$.a"}, "aws.x is reserved"),
        ("x", {"x": "a.b"}, "is no path"),
        ("x", {"x": "$.a[?(@.b)]"}, "is no path"),
        ("", {}, "the template has 1 to"),
        ("x", {f"v{number}": "$" for number in range(101)}, "more than 100 variables"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start(
    template: str, paths: dict[str, str], reason: str
) -> None:
    """Not when the first event comes."""
    with pytest.raises(Refused) as refusal:
        Input(Transformer(template, paths))
    assert refusal.value.code == "BAD_TRANSFORMER"
    assert reason in str(refusal.value)


def test_only_one_input_at_a_time() -> None:
    """As in EventBridge."""
    with pytest.raises(Refused, match="only one of"):
        Input(Transformer("x"), path="$")
    with pytest.raises(Refused, match="the input is no JSON"):
        Input(constant="{")
