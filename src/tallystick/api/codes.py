"""The reference page of all codes: why a request is refused, an order rejected or cancelled."""

from collections.abc import Iterable, Iterator

from tallystick.api.problems import REFUSAL_STATUS, STATUS, TITLES
from tallystick.errors import Refused
from tallystick.execution import RejectionCode
from tallystick.execution.worked import REASONS

_REJECTIONS = """\
Every no has a code of one of three closed lists. Codes are stable: a new one may come, none changes
its meaning.

## Rejections

An order that was understood and turned down: the answer is 201, the order's state is `rejected`,
and the rejection is an entry of the ledger with a receipt. The rules are asked one after another
and the first no stands; `POST /v1/orders/precheck` gives all.
"""
_CANCELLATIONS = """
## Cancellations

Why a working order ended before it was filled: `code` in its `order_cancelled` entry.
"""
_REFUSALS = """
## Refusals

A request that cannot become an order or a query: nothing was written. The answer is problem+json
(RFC 9457) with the code, a sentence, the member that is wrong (`field`) where there is one, and the
allowed step (`step`) of a number that is too precise.
"""


def reject_codes() -> str:
    """The three closed lists as Markdown, without a title."""
    rejections = ((f"`{code.name}`", code.value) for code in RejectionCode)
    cancellations = ((f"`{code}`", f"{why[:1].upper()}{why[1:]}.") for code, why in REASONS.items())
    lines = [
        _REJECTIONS, *_table(("code", "meaning"), rejections),
        _CANCELLATIONS, *_table(("code", "meaning"), cancellations),
        _REFUSALS, *_table(("code", "status", "meaning"), _refusals()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _refusals() -> Iterator[tuple[str, str, str]]:
    default = STATUS[Refused]
    for code, title in TITLES.items():
        status = {"UNAVAILABLE": 503, "INTERNAL": 500}.get(code, REFUSAL_STATUS.get(code, default))
        yield f"`{code}`", str(status), f"{title}."


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
