"""The trial balance at any position of the ledger."""

import re

import msgspec

from tallystick.api.ledger import Position
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution.trial import TrialBalance

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class TrialQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After the entry at `position`, the newest by default; `since` is a day (2026-11-24).

    What settled before that day, today by default, is one line a currency.
    """

    position: Position | None = None
    since: str | None = None


async def get_trial_balance(services: Services, call: Call) -> TrialBalance:
    """The postings of all entries up to one, added up; each entry is seen to balance."""
    query: TrialQuery = call.query
    size = services.ledger.size
    if query.position is not None and query.position >= size:
        sentence = f"The ledger has no entry {query.position} yet."
        raise Refused("BAD_RANGE", sentence, field="position")
    stop = size if query.position is None else query.position + 1
    since = query.since or rfc3339(services.clock.now_ns())[:10]
    if _DAY.fullmatch(since) is None:
        raise Refused("VALUE_NOT_ALLOWED", "since must be a day such as 2026-11-24.", field="since")
    folding = services.trial_balances.fold(stop)
    while True:
        try:
            next(folding)
        except StopIteration as done:
            balance: TrialBalance = done.value.trial_balance(since)
            return balance
        await services.clock.sleep(0)


OPERATIONS = (
    Operation(
        "GET", "/v1/book", "The trial balance of the double-entry book at a position.",
        get_trial_balance, TrialBalance, scope="ledger", query=TrialQuery, tag="ledger",
        refusals=("BAD_RANGE",),
    ),
)  # fmt: skip
