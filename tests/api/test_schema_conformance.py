"""schemathesis asks the real server what its own OpenAPI document allows, and what it forbids."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tallystick.api import OPERATIONS
from tallystick.api.event_stream import EVENT_STREAM
from tallystick.api.openapi import plain_path

EXAMPLES = 40
"""Questions to each operation in each mode, the same ones every time."""
WAITING = {"get_v1_queues_name"}
"""Those that wait for something to come, as long as they are asked to; see test_rules.py."""
UNSENT: tuple[Any, ...] = (None, [], {})
"""Values of a query that leave nothing in its URL: the server cannot object to them."""
STORIES = 40
STORY_STEPS = 12
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
)
STORY_CHECKS = CHECKS[:5]
"""Those that look at one answer by itself."""


@pytest.fixture(scope="module")
def asked(
    launch_product: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A server of its own: what is asked here may stop all trading, or fill the silences.

    Its ledger wants a token, as the document says; on loopback it would be public.
    """
    product = launch_product(
        tmp_path_factory.mktemp("asked") / "data", ledger_read="token", ledger_tiles_read="token"
    )
    yield product
    product.close()
    assert product.server.said() == ""


@pytest.fixture(scope="module")
def schema(asked: Any) -> Any:
    """The document that the server itself serves."""
    return schemathesis.openapi.from_url(f"{asked.url}/openapi.json")


def asks() -> Iterator[Any]:
    """Every operation with what its document allows; where it allows not all, also the rest.

    The collector takes any text: nothing about its body can be forbidden here.
    """
    for operation in OPERATIONS:
        if operation.media_type == EVENT_STREAM or operation.id in WAITING:
            continue  # it has no end; see tests/api/history/test_follow.py
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{operation.id}-allowed")
        if "{" in operation.path or operation.query or operation.body not in {None, bytes}:
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{operation.id}-forbidden")


@pytest.mark.server
@pytest.mark.parametrize(("operation", "mode"), list(asks()))
def test_the_server_keeps_its_own_description(
    operation: Any, mode: GenerationMode, asked: Any, schema: Any
) -> None:
    """Whatever is asked, allowed or not, the answer is one that OpenAPI describes, and no 5xx."""
    described = schema[plain_path(operation.path)][operation.method]
    token = asked.hec_token if operation.scope == "hec" else asked.tokens["demo"]
    scheme = "Splunk" if operation.scope == "hec" else "Bearer"
    headers = {"Authorization": f"{scheme} {token}"}

    @given(case=described.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        assume(all(value not in UNSENT for value in (case.query or {}).values()))
        case.call_and_validate(checks=CHECKS, headers=headers)

    ask()


@pytest.fixture
def calm(launch_product: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """A server that nobody has stopped by chance."""
    product = launch_product(tmp_path / "data")
    yield product
    product.close()


@pytest.mark.server
def test_full_answers_are_as_described(calm: Any) -> None:
    """Answers that carry something, which chance seldom asks for, have the described shape."""
    asked, schema = calm, schemathesis.openapi.from_url(f"{calm.url}/openapi.json")
    placed = asked.place()
    asked.place("other", quantity="2000000")
    resting = asked.place(type="limit", time_in_force="GTC", price=asked.far_price())
    order = resting["order"]["id"]
    paths = [
        ("GET", "/v1/orders", "/v1/orders"),
        ("GET", "/v1/orders/{id}", f"/v1/orders/{placed['order']['id']}"),
        ("DELETE", "/v1/orders/{id}", f"/v1/orders/{order}"),
        ("GET", "/v1/trades", "/v1/trades"),
        ("GET", "/v1/positions", "/v1/positions"),
        ("GET", "/v1/prices", "/v1/prices"),
        ("GET", "/v1/logs", "/v1/logs"),
        ("GET", "/v1/ledger/entries/{n}", "/v1/ledger/entries/1"),
        ("GET", "/v1/ledger/proof/inclusion", "/v1/ledger/proof/inclusion?position=0"),
        ("GET", "/v1/ledger/proof/consistency", "/v1/ledger/proof/consistency?from=1"),
    ]
    for method, path, asking in paths:
        response = asked.demo.request(method, asking)
        assert response.status_code == 200, response.text
        schema[path][method].validate_response(response)
    response = asked.demo.post("/v1/orders", json=asked.order(quantity="999000000"))
    assert response.json()["rejection"]
    schema["/v1/orders"]["POST"].validate_response(response)


@pytest.mark.server
@pytest.mark.timeout(300)
def test_orders_lead_on_to_what_can_be_done_with_them(calm: Any) -> None:
    """Stateful: the links of an order are followed to reading, replacing and cancelling it.

    Bodies that chance makes are hardly ever orders, so half of them become ones that can be dealt.
    """
    asked, schema = calm, schemathesis.openapi.from_url(f"{calm.url}/openapi.json")
    seen: Counter[tuple[str, str, int]] = Counter()
    numbers = count()
    price = asked.far_price()
    orders = schema.include(path_regex="^/v1/orders").exclude(path_regex="/kill$")
    headers = {"Authorization": f"Bearer {asked.tokens['demo']}"}

    class Workflow(orders.as_state_machine()):  # type: ignore[misc]
        """Every answer is as described, wherever in a story it comes."""

        def setup(self) -> None:
            """The same choices lead to the same story, under names that are new."""
            self.calls = count()

        def before_call(self, case: Any) -> None:
            """Make an order of every other body."""
            number = next(numbers)
            is_turn = next(self.calls) % 2 == 0
            takes = {("POST", "/v1/orders"), ("PUT", "/v1/orders/{id}")}
            if is_turn and (case.method, case.path) in takes:
                case.body = {
                    "client_order_id": f"s-{number}", "account": "demo", "pair": "EUR/USD",
                    "side": "buy", "quantity": str(1_000 + number), "type": "limit", "price": price,
                }  # fmt: skip
            case.query.pop("account", None)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            """Who asks."""
            del case
            return {"headers": headers}

        def after_call(self, response: Any, case: Any) -> None:
            """What came of it."""
            seen[case.method, case.path, response.status_code] += 1

        def validate_response(self, response: Any, case: Any, **_more: Any) -> None:
            """The checks that hold for any answer."""
            case.validate_response(response, checks=STORY_CHECKS, headers=headers)

    for number in range(STORIES):  # each by itself: what one teaches would confuse the next
        seed(number)(Workflow)
        Workflow.run(
            settings=settings(
                max_examples=2,  # the first is always the simplest
                stateful_step_count=STORY_STEPS,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
    for method, status in (("GET", 200), ("PUT", 201), ("DELETE", 200)):
        assert seen[method, "/v1/orders/{id}", status], seen
    assert seen["POST", "/v1/orders", 201]
    assert not [key for key in seen if key[2] >= 500]
