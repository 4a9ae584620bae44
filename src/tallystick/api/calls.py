"""One canonical log line and one count for every API call.

Placed orders come by the ten thousand a second, so their line has a type of its own, which skips
the way of the others through structlog; what stands in it is the same.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from tallystick.clock import Clock, rfc3339
from tallystick.tracing import Trace

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency histogram, after the OpenTelemetry advice for HTTP servers."""
NS_PER_US = 1_000
ORDERS_ROUTE = "/v1/orders"
ANSWERED = "api.request_answered"
_BOUNDS_US = tuple(int(bound * 1_000_000) for bound in BUCKETS_SECONDS)

Fields = dict[str, str | int | None]
"""What a call touched, in OpenTelemetry's or our own names."""


class Who(NamedTuple):
    """Who called, as far as it is known: the account, the token's id, the client's network."""

    account: str | None = None
    key: str | None = None
    network: str | None = None


NOBODY = Who()


def network_of(client: tuple[str, int] | None) -> str | None:
    """The network of a client's (host, port): IPv4 /24, IPv6 /48; None where there is none.

    A shortened address tells where a client usually comes from without telling who it is.
    """
    return None if client is None else _network_of(client[0])


@lru_cache(maxsize=4_096)
def _network_of(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


class RouteCount:
    """What one (method, route, status) has seen: calls, their time, and a histogram of it."""

    __slots__ = ("buckets", "calls", "total_us")

    def __init__(self) -> None:
        self.calls = 0
        self.total_us = 0
        self.buckets = [0] * (len(_BOUNDS_US) + 1)

    def add(self, duration_us: int) -> None:
        """Count one call."""
        self.calls += 1
        self.total_us += duration_us
        self.buckets[bisect_left(_BOUNDS_US, duration_us)] += 1


class OrderLine(
    msgspec.Struct,
    gc=False,
    rename={
        "method": "http.request.method",
        "route": "http.route",
        "status": "http.response.status_code",
        "order_id": "order.id",
        "order_state": "order.state",
        "position": "ledger.position",
        "service_name": "service.name",
        "key": "auth.key",
        "network": "client.address",
    },
):
    """The line of one placed order: as JSON it is what `Calls.answered` would have said."""

    timestamp: str
    duration_us: int
    account: str | None
    order_id: str
    order_state: str
    position: int
    key: str | None = None
    network: str | None = None
    method: str = "POST"
    route: str = ORDERS_ROUTE
    status: int = 201
    severity_text: str = "INFO"
    event_name: str = ANSWERED
    service_name: str = "tallystick"
    trace_id: str | UnsetType = UNSET


OrderSink = Callable[[OrderLine, int], None]
"""Takes the line of a placed order and its time (nanoseconds since the epoch); may not wait."""


class Calls:
    """Counts calls and writes their lines; owned by the event loop's thread."""

    def __init__(self, clock: Clock, orders: OrderSink | None = None) -> None:
        """`orders` takes the lines of placed orders; without it structlog does."""
        self._clock = clock
        self._orders = orders
        self._placed: RouteCount | None = None
        self._log: structlog.typing.FilteringBoundLogger | None = None
        self.counts: defaultdict[tuple[str, str, int], RouteCount] = defaultdict(RouteCount)

    def start_ns(self) -> int:
        """When a call began, for `answered`."""
        return self._clock.monotonic_ns()

    def answered(
        self,
        method: str,
        route: str,
        status: int,
        start_ns: int,
        fields: Fields,
        end_ns: int | None = None,
    ) -> int:
        """One call is over: count it and say so, with whatever names it touched; when that was.

        `end_ns`: when it was answered, where that was earlier than now.
        """
        end_ns = end_ns or self._clock.monotonic_ns()
        duration_us = (end_ns - start_ns) // NS_PER_US
        self.counts[method, route, status].add(duration_us)
        if self._log is None:
            self._log = structlog.get_logger("api").bind()  # once: binding costs as much as saying
        say = self._log.info if status < 500 else self._log.error
        say(
            ANSWERED,
            **{
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "duration_us": duration_us,
                **fields,
            },
        )
        return end_ns

    def placed(
        self,
        start_ns: int,
        who: Who,
        order_id: str,
        state: str,
        position: int,
        trace: Trace | None = None,
    ) -> None:
        """`POST /v1/orders` was answered 201: what `answered` does, several times cheaper."""
        if self._orders is None:
            named: Fields = {
                "account": who.account,
                "auth.key": who.key,
                "client.address": who.network,
                "order.id": order_id,
                "order.state": state,
                "ledger.position": position,
            }
            if trace is not None:
                named["trace_id"] = trace.trace_id
            self.answered("POST", ORDERS_ROUTE, 201, start_ns, named)
            return
        duration_us = (self._clock.monotonic_ns() - start_ns) // NS_PER_US
        if self._placed is None:
            self._placed = self.counts["POST", ORDERS_ROUTE, 201]
        self._placed.add(duration_us)
        at_ns = self._clock.now_ns()
        line = OrderLine(
            rfc3339(at_ns),
            duration_us,
            who.account,
            order_id,
            state,
            position,
            who.key,
            who.network,
        )
        if trace is not None:
            line.trace_id = trace.trace_id
        self._orders(line, at_ns)
