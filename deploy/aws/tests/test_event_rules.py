"""Event rules: the product's own files, as EventBridge understands them."""

import json
from typing import Any

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.event_rules import SHIPPED, numbered, shipped

HASH = 8
"""Characters that CDK puts behind a logical id."""


def _rules(full: Assembly, values: Values) -> dict[str, Any]:
    return {
        each.logical_id.removeprefix("Rules")[:-HASH]: values.of(each)
        for each in full.resources("AWS::Events::Rule", stack="watch")
    }


def test_each_shipped_rule_is_deployed(full: Assembly, values: Values) -> None:
    """As many rules as files; each on our bus, to a topic, with a queue for what is lost."""
    files = {path.stem for path in SHIPPED.glob("*.toml")}
    assert {rule.name for rule in shipped(1)} == files >= {"large-trade", "margin-call"}
    rules = _rules(full, values)
    for name in files:
        rule = rules["".join(word.title() for word in name.split("-"))]
        (target,) = rule["Targets"]
        assert rule["State"] == "ENABLED"
        assert rule["EventBusName"]
        assert target["DeadLetterConfig"]["Arn"]
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 86_400


def test_large_trade_asks_for_a_number(full: Assembly, values: Values) -> None:
    """EventBridge compares JSON numbers: quantity is asked for where the publisher repeats it."""
    rule = _rules(full, values)["LargeTrade"]
    assert rule["EventPattern"] == {
        "detail-type": ["Order Decided", "Order Filled"],
        "detail": {
            "order": {"state": ["filled", "partially_filled"]},
            "numbers": {"quantity": [{"numeric": [">=", 10_000_000]}]},
        },
    }
    (target,) = rule["Targets"]
    assert target["InputTransformer"]["InputPathsMap"]["account"] == "$.detail.order.account"


def test_margin_call_is_the_products_pattern(full: Assembly, values: Values) -> None:
    """No number in it: it stands as the product has it."""
    rule = _rules(full, values)["MarginCall"]
    assert rule["EventPattern"] == {
        "detail-type": ["Margin Changed"],
        "detail": {"event": ["call_entered", "closed_out"]},
    }
    assert rule["Targets"][0]["InputTransformer"]["InputPathsMap"]["account"] == "$.detail.account"


def test_kill_switch_wakes_somebody(full: Assembly, values: Values) -> None:
    """Critical there, critical here; `$or` is EventBridge's own word."""
    rule = _rules(full, values)["KillSwitch"]
    assert "$or" in rule["EventPattern"]
    assert "Critical" in rule["Targets"][0]["Arn"]


def test_patterns_and_templates_are_within_eventbridges_limits(
    full: Assembly, values: Values
) -> None:
    """A pattern of at most 2,048 characters; a template whose places are all mapped."""
    for name, rule in _rules(full, values).items():
        assert len(json.dumps(rule["EventPattern"])) <= 2048, name
        transformer = rule["Targets"][0].get("InputTransformer")
        if transformer:
            for place in transformer["InputPathsMap"]:
                assert f"<{place}>" in transformer["InputTemplate"]
            assert "\n" not in transformer["InputTemplate"]


def test_numeric_leaves_move_and_others_stay() -> None:
    """Only what compares numbers goes under `numbers`; a pattern without detail is left alone."""
    pattern = {"detail": {"a": {"n": [{"numeric": [">", 1]}], "t": ["x"]}}}
    assert numbered(pattern) == {
        "detail": {"a": {"t": ["x"]}, "numbers": {"n": [{"numeric": [">", 1]}]}}
    }
    assert numbered({"source": ["x"]}) == {"source": ["x"]}


def test_aws_health_is_told(full: Assembly, values: Values) -> None:
    """What AWS says about its own services goes to people."""
    rule = _rules(full, values)["Health"]
    assert rule["EventPattern"]["source"] == ["aws.health"]
    assert "EventBusName" not in rule
