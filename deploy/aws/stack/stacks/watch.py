"""Watch: topics, event rules, alarms, what they mean together, dashboards, game days."""

from collections.abc import Iterator

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities import watched, watched_around
from stack.capabilities.alarms import Alarms, Section
from stack.capabilities.alerts import Alerts
from stack.capabilities.dashboards import Dashboards
from stack.capabilities.detector import VARIANT
from stack.capabilities.event_rules import EventRules
from stack.capabilities.game_day import GameDay
from stack.capabilities.keys import Keys
from stack.capabilities.page import hear_of_page
from stack.profile import Profile
from stack.stacks.data import Data
from stack.stacks.network import NetworkStack
from stack.stacks.service import Service
from stack.stacks.stream import StreamStack


class Watch(cdk.Stack):
    """What sees that something is wrong, and tells somebody."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
        network: NetworkStack,
        data: Data,
        stream: StreamStack,
        service: Service,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self._profile = profile
        self._network, self._data = network, data
        self._stream, self._service = stream, service
        self.alerts = Alerts(self, "Alerts", profile=profile, key=keys.messages)
        self.event_rules = EventRules(
            self, "Rules", profile=profile, bus=stream.bus, alerts=self.alerts
        )
        self.alarms = Alarms(
            self, "Alarms", alerts=self.alerts, runbooks_url=profile.contacts.runbooks
        )
        self.sections = list(self._sections())
        self.alarms.watch(self.sections)
        self._combine()
        if profile.switches.page:
            hear_of_page(self, "PageAlarms", profile=profile, alerts=self.alerts)
        self.dashboards = Dashboards(self, "Dashboards", sections=self.sections, alarms=self.alarms)
        self.game_day = GameDay(
            self,
            "GameDay",
            profile=profile,
            ledger_arn=data.ledger.cluster.cluster_arn,
            stop=self.alarms.by_name["DoorFails"],
            key=keys.logs,
        )

    def _sections(self) -> Iterator[Section]:
        """Every part that this profile has."""
        limits, switches = self._profile.limits, self._profile.switches
        service, stream, data = self._service, self._stream, self._data
        api = service.api
        yield watched.door(api.api.rest_api_name, api.stage.stage_name, limits)
        does = {
            "order": service.order.function,
            "authorise": service.authoriser.function,
            "relay": service.relay.function,
            "tend": service.tend.function,
            "consume": stream.detector.consumer,
        }
        if service.check is not None:
            does["verify"] = service.check.function
        yield watched.functions({key: each.function_name for key, each in does.items()}, limits)
        proxy = data.ledger.proxy
        yield watched.ledger(
            data.ledger.cluster.cluster_identifier,
            proxy.db_proxy_name if proxy else None,
            limits,
        )
        yield watched_around.ledger_check()
        yield watched.stream(
            stream.entries.stream.stream_name, stream.entries.dead_letters.queue_name
        )
        yield watched.log_delivery(stream.log_delivery.lines.ref, splunk=switches.splunk)
        endpoint = stream.detector.endpoint
        yield watched.detector(endpoint.attr_endpoint_name if endpoint else None, VARIANT)
        if data.state is not None:
            yield watched.table(data.state.table.table_name)
            if switches.recovery:
                yield watched_around.copies(
                    data.state.table.table_name, self._profile.regions.recovery, limits
                )
        if data.cache is not None:
            yield watched_around.cache(data.cache.group.ref)
        yield from self._containers()
        yield from self._around()

    def _containers(self) -> Iterator[Section]:
        behind = self._service.containers
        if behind is not None:
            yield watched_around.containers(
                behind.cluster.cluster_name,
                behind.service.service_name,
                behind.balancer.load_balancer_full_name,
                behind.target_group.target_group_full_name,
            )

    def _around(self) -> Iterator[Section]:
        firewall = self._network.firewall
        yield watched_around.network(
            firewall.name if firewall else None,
            [self._service.web_firewall.name],
            self.region,
        )
        yield Section(
            "Certificate",
            (watched_around.certificate(self._service.door.certificate.certificate_arn),),
        )
        yield watched_around.telling(
            self.alerts.undelivered.queue_name,
            self.alerts.inbox.queue_name,
            [topic.topic_name for topic in self.alerts.topics.values()],
        )

    def _combine(self) -> None:
        """What several alarms mean together: this is what wakes people."""
        alarms = self.alarms
        alarms.combine(
            "OrdersCannotBePlaced",
            "Orders fail, or nothing can take them.",
            rule=alarms.rule_of("DoorFails", "OrderThrottled", "LedgerAway"),
            runbook="orders-fail",
        )
        alarms.combine(
            "GreyFailure",
            "Orders are slow in one part while nothing fails outright.",
            rule=alarms.but_not(
                alarms.rule_of("DoorSlow", "OrderSlow", together=True), "DoorFails"
            ),
            runbook="orders-are-slow",
        )
        alarms.combine(
            "EntriesDoNotArrive",
            "The ledger grows and nobody hears of it.",
            rule=alarms.rule_of("RelayStill", "StreamReadersLate", "StreamBehind"),
            runbook="the-stream-is-behind",
        )
        alarms.combine(
            "NobodyIsTold",
            "Alerts do not reach anybody.",
            rule=alarms.rule_of("Undelivered", "NotTold0"),
            runbook="somebody-was-not-told",
        )
