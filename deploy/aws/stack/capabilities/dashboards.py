"""What everybody sees: two dashboards, one of the trade, one of every part that carries it.

Each limit of the alarms is a line in its graph; the alarms stand above as lights.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from constructs import Construct

from stack.capabilities.alarms import Alarms, Section, Watched
from stack.capabilities.watched import OURS
from stack.naming import PRODUCT

WIDTH = 24
WIDE = 8
HIGH = 6
TRADE = ("OrdersPlaced", "OrdersRefused", "AnomaliesFound")


class Dashboards(Construct):
    """The trade for those who trade, the parts for those who run it."""

    def __init__(
        self, scope: Construct, id_: str, *, sections: Sequence[Section], alarms: Alarms
    ) -> None:
        super().__init__(scope, id_)
        self.trade = cw.Dashboard(
            self,
            "Trade",
            dashboard_name=f"{PRODUCT}-trade",
            widgets=[
                [
                    cw.AlarmStatusWidget(
                        title="What it means", width=WIDTH, alarms=list(alarms.combined.values())
                    )
                ],
                [_trade(name) for name in TRADE],
            ],
        )
        self.parts = cw.Dashboard(
            self,
            "Parts",
            dashboard_name=f"{PRODUCT}-parts",
            widgets=[row for section in sections for row in _rows(section, alarms)],
        )


def _trade(name: str) -> cw.GraphWidget:
    service = "consume" if name == "AnomaliesFound" else "order"
    return cw.GraphWidget(
        title=name,
        width=WIDE,
        height=HIGH,
        left=[
            cw.Metric(
                namespace=OURS,
                metric_name=name,
                dimensions_map={"service": service},
                statistic=cw.Stats.SUM,
                period=cdk.Duration.minutes(1),
            )
        ],
    )


def _rows(section: Section, alarms: Alarms) -> list[list[cw.IWidget]]:
    """A heading, the lights, and a graph for each metric, three in a row."""
    lights = [alarms.by_name[each.name] for each in section.watched]
    head: list[list[cw.IWidget]] = [
        [cw.TextWidget(markdown=f"## {section.title}", width=WIDTH, height=1)]
    ]
    if lights:
        head.append([cw.AlarmStatusWidget(title=section.title, width=WIDTH, alarms=lights)])
    graphs: list[cw.IWidget] = [
        *(_limited(each) for each in section.watched),
        *(cw.GraphWidget(title="", width=WIDE, height=HIGH, left=[each]) for each in section.also),
    ]
    each_row = WIDTH // WIDE
    return head + [graphs[i : i + each_row] for i in range(0, len(graphs), each_row)]


def _limited(watched: Watched) -> cw.GraphWidget:
    limit = cw.HorizontalAnnotation(value=watched.threshold, label="limit", color=cw.Color.RED)
    return cw.GraphWidget(
        title=watched.name,
        width=WIDE,
        height=HIGH,
        left=[watched.metric],
        left_annotations=[limit],
    )
