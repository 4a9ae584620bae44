"""What is watched, when it is wrong, whom it wakes, and what to do then.

An alarm is a `Watched`: a metric, a threshold, a severity and the heading of its runbook. Lists of
them are made in `watched`, one function for each part of the architecture; `Alarms` makes them
real, and `combine` says what several of them mean together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.alerts import Alerts, Severity

RUNBOOKS = "runbooks/README.md"
"""Every alarm's description ends with a heading of this page."""
ABOVE = cw.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cw.ComparisonOperator.LESS_THAN_THRESHOLD
IS_BAD = cw.TreatMissingData.BREACHING
IS_FINE = cw.TreatMissingData.NOT_BREACHING


@dataclass(frozen=True)
class Watched:
    """A metric that has a limit.

    `periods` of which `datapoints` must be beyond it; `missing` says what silence means.
    """

    name: str
    what: str
    metric: cw.IMetric
    threshold: float
    runbook: str
    severity: Severity = "warning"
    comparison: cw.ComparisonOperator = ABOVE
    periods: int = 3
    datapoints: int = 2
    missing: cw.TreatMissingData = IS_FINE


@dataclass(frozen=True)
class Section:
    """What belongs together: one part of the architecture, a row of the dashboard."""

    title: str
    watched: Sequence[Watched]
    also: Sequence[cw.IMetric] = field(default_factory=tuple)
    """Shown beside, without a limit."""


class Alarms(Construct):
    """Alarms and composite alarms, each told to the topic of its severity.

    Without `alerts` (a region has no topics) they are told by events: see `page.carry_alarms`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        alerts: Alerts | None,
        runbooks_url: str,
    ) -> None:
        super().__init__(scope, id_)
        self._alerts = alerts
        self._runbooks = f"{runbooks_url}/{RUNBOOKS}"
        self.by_name: dict[str, cw.Alarm] = {}
        self.combined: dict[str, cw.CompositeAlarm] = {}

    def watch(self, sections: Iterable[Section]) -> None:
        """Make an alarm of everything watched."""
        for section in sections:
            for watched in section.watched:
                self.add(watched)

    def add(self, watched: Watched) -> cw.Alarm:
        """One alarm; its topic hears of trouble and of its end."""
        alarm = cw.Alarm(
            self,
            watched.name,
            metric=watched.metric,
            threshold=watched.threshold,
            comparison_operator=watched.comparison,
            evaluation_periods=watched.periods,
            datapoints_to_alarm=watched.datapoints,
            treat_missing_data=watched.missing,
            alarm_description=self._described(watched.what, watched.runbook),
        )
        self._tell(alarm, watched.severity)
        self.by_name[watched.name] = alarm
        return alarm

    def combine(
        self,
        name: str,
        what: str,
        *,
        rule: cw.IAlarmRule,
        runbook: str,
        severity: Severity = "critical",
    ) -> cw.CompositeAlarm:
        """What several alarms mean together."""
        alarm = cw.CompositeAlarm(
            self,
            name,
            alarm_rule=rule,
            composite_alarm_name=f"{cdk.Stack.of(self).stack_name}-{name}",
            alarm_description=self._described(what, runbook),
        )
        self._tell(alarm, severity)
        self.combined[name] = alarm
        return alarm

    def rule_of(self, *names: str, together: bool = False) -> cw.IAlarmRule:
        """Any of the alarms, or all of them `together`."""
        rules = [cw.AlarmRule.from_alarm(self.by_name[name], cw.AlarmState.ALARM) for name in names]
        return cw.AlarmRule.all_of(*rules) if together else cw.AlarmRule.any_of(*rules)

    def but_not(self, rule: cw.IAlarmRule, name: str) -> cw.IAlarmRule:
        """The rule, while the alarm of this name is silent."""
        silent = cw.AlarmRule.not_(cw.AlarmRule.from_alarm(self.by_name[name], cw.AlarmState.ALARM))
        return cw.AlarmRule.all_of(rule, silent)

    def _described(self, what: str, runbook: str) -> str:
        return f"{what} Runbook: {self._runbooks}#{runbook}"

    def _tell(self, alarm: cw.AlarmBase, severity: Severity) -> None:
        if self._alerts is None:
            acknowledge(
                alarm,
                "NIST.800.53.R5::NIST.800.53.R5-CloudWatchAlarmAction",
                reason="An event rule carries its change into the region where people are told.",
            )
            return
        action = SnsAction(self._alerts.topics[severity])
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        if severity == "critical":
            alarm.add_insufficient_data_action(action)
