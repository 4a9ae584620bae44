"""What happened, and who hears of it: the product's own rules on EventBridge.

The patterns and sentences are read from `src/tallystick/stream/rules/shipped/*.toml`, the files
that the product itself runs: one rule, two engines. Two things differ on EventBridge, and are put
right here. Its `numeric` reads JSON numbers only, so amounts are asked for under `detail.numbers`,
where the publisher repeats them as such. And `account` in its envelope is AWS's account, so the
trading account is read from the entry.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aws_cdk import aws_events as events
from constructs import Construct

from stack.capabilities.alerts import Alerts, Severity
from stack.profile import Profile

SHIPPED = Path(__file__).resolve().parents[4] / "src/tallystick/stream/rules/shipped"
SEVERITY: Mapping[str, Severity] = {
    "info": "notice",
    "warning": "warning",
    "error": "warning",
    "critical": "critical",
}
"""The product's four severities on three topics."""
Tree = Mapping[str, object]
HEALTH: Tree = {"source": ["aws.health"], "detail-type": ["AWS Health Event"]}
ANOMALY: Tree = {"source": ["tallystick.detect"], "detail-type": ["Anomaly Found"]}
ANOMALY_SAYS = (
    '{"summary": "<sentence>", "account": "<account>", "order_id": "<order>", '
    '"position": <position>, "score": <score>}'
)


@dataclass(frozen=True)
class ShippedRule:
    """A rule as EventBridge is told it."""

    name: str
    description: str
    pattern: Tree
    severity: Severity
    paths: Mapping[str, str]
    template: str


def shipped(large_trade: int) -> list[ShippedRule]:
    """The product's rules; a large trade is one of `large_trade` units or more."""
    return [_read(path, large_trade) for path in sorted(SHIPPED.glob("*.toml"))]


def _read(path: Path, large_trade: int) -> ShippedRule:
    written = tomllib.loads(path.read_text())
    target = written["targets"][0]
    transformer = target["input_transformer"]
    pattern = numbered(json.loads(written["pattern"]))
    if path.stem == "large-trade":
        pattern = with_threshold(pattern, large_trade)
    account = "$.detail.order.account" if "order" in written["pattern"] else "$.detail.account"
    paths = {
        name: account if where == "$.account" else where
        for name, where in transformer["InputPathsMap"].items()
    }
    return ShippedRule(
        name=path.stem,
        description=written["description"],
        pattern=pattern,
        severity=SEVERITY[target["severity"]],
        paths=paths,
        template=re.sub(r"\s*\n\s*", " ", transformer["InputTemplate"]),
    )


def numbered(pattern: Tree) -> Tree:
    """The pattern with each `numeric` asked of `detail.numbers` instead of the entry's text."""
    found: dict[str, object] = {}
    detail = pattern.get("detail")
    if not isinstance(detail, Mapping):
        return pattern
    kept = _without_numeric(cast("Tree", detail), found)
    return {**pattern, "detail": {**kept, **({"numbers": found} if found else {})}}


def _without_numeric(tree: Tree, found: dict[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            kept[name] = _without_numeric(value, found)
        elif isinstance(value, list) and any(
            isinstance(each, Mapping) and "numeric" in each for each in value
        ):
            found[name] = value
        else:
            kept[name] = value
    return kept


def with_threshold(pattern: Tree, units: int) -> Tree:
    """The pattern of the large trade with the profile's figure."""
    detail = cast("Tree", pattern["detail"])
    return {
        **pattern,
        "detail": {**detail, "numbers": {"quantity": [{"numeric": [">=", units]}]}},
    }


class EventRules(Construct):
    """A rule for each file, for the detectors' findings and for AWS's own health."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        bus: events.IEventBus,
        alerts: Alerts,
    ) -> None:
        super().__init__(scope, id_)
        name = bus.event_bus_name
        self.rules = [
            alerts.tell(
                self,
                "".join(word.title() for word in rule.name.split("-")),
                pattern=rule.pattern,
                severity=rule.severity,
                description=rule.description,
                bus=name,
                transformer=events.CfnRule.InputTransformerProperty(
                    input_paths_map=dict(rule.paths), input_template=rule.template
                ),
            )
            for rule in shipped(profile.limits.large_trade)
        ]
        self.anomaly = alerts.tell(
            self,
            "Anomaly",
            pattern=ANOMALY,
            severity="warning",
            description="A detector found an order odd",
            bus=name,
            transformer=events.CfnRule.InputTransformerProperty(
                input_paths_map={
                    name: f"$.detail.{name}"
                    for name in ("sentence", "account", "order", "score", "position")
                },
                input_template=ANOMALY_SAYS,
            ),
        )
        self.health = alerts.tell(
            self,
            "Health",
            pattern=HEALTH,
            severity="warning",
            description="What AWS says about its own services",
        )
