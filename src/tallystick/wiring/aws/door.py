"""The product's own door in front of a function's desk: the operations whose rooms are there.

Routes, decoding, refusals and answers are `api`'s. What wants a room that this topology has
elsewhere is not there and answers 404: log search (CloudWatch, Splunk), the tile files (S3 behind
CloudFront), streams of events (Kinesis), incidents and alarms (CloudWatch, PagerDuty).
"""

from pathlib import Path

from tallystick.access import Tokens
from tallystick.api import (
    Api,
    Calls,
    Metrics,
    Services,
    accounts,
    fx,
    history,
    ledger,
    orders,
    prices,
    quotes,
    risk,
    stops,
    system,
)
from tallystick.api.followers import Followers
from tallystick.api.operation import Operation
from tallystick.api.price_stream import PriceStream
from tallystick.execution import History
from tallystick.execution.financing import SHIPPED
from tallystick.execution.rfq import ParityPoints
from tallystick.execution.trial import TrialBalances
from tallystick.wiring.aws import hello
from tallystick.wiring.aws.runtime import Trading, absent

_STREAMS = frozenset({"/v1/prices/stream", "/v1/prices/ws"})
"""API Gateway answers once."""
OPERATIONS: tuple[Operation, ...] = tuple(
    operation
    for room in (orders, accounts, risk, stops, prices, quotes, fx, ledger, history, system, hello)
    for operation in room.OPERATIONS
    if operation.path not in _STREAMS
)
"""What functions answer."""


def door_of(trading: Trading, tokens: Tokens, folder: Path) -> Api:
    """The application; `folder` is for projections, folded from the ledger when they are asked."""
    clock, book = trading.parts.clock, trading.desk
    services = Services(
        clock=clock,
        tokens=tokens,
        desk=book,
        history=History(folder / "projections.db", trading.ledger),
        ledger=trading.ledger,
        board=trading.board,
        ingest=absent(),
        search=absent(),
        tails=absent(),
        rules=absent(),
        unmasker=absent(),
        archive=None,
        found=absent(),
        judging=absent(),
        models=absent(),
        detection=absent(),
        notifier=absent(),
        alarms=absent(),
        on_call=absent(),
        calendar_key=b"",
        started_ns=clock.now_ns(),
        published=folder / "published",
        subjects=absent(),
        followers=Followers(trading.ledger, clock),
        prices=PriceStream(trading.board, clock, trading.session),
        points=ParityPoints(SHIPPED.yearly, SHIPPED.source),
        trial_balances=TrialBalances(trading.ledger),
        hec_token="",
        ledger_public=False,
        ready=lambda: None if trading.board.all() else "There are no prices yet.",
    )
    calls = Calls(clock)
    return Api(services, calls, Metrics(calls, tuple), operations=OPERATIONS)
