"""A request for a quote: parsed, typed, exact; made at the door, then trusted."""

from datetime import date
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.errors import Refused
from tallystick.execution.entries import QuoteKind, Side
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import check_key
from tallystick.execution.rfq.refusing import refusal_of
from tallystick.fx import Pair, Tenor, check_value_date, instrument, parse_tenor, value_dates
from tallystick.ids import AccountId
from tallystick.money import Quantity, format_decimal, parse_decimal

End = Literal["near", "far"]
_BEFORE_SPOT: tuple[Tenor, ...] = ("ON", "TN")
"""Tenors whose dates are those of a swap, not of an outright."""


class AskQuote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/quotes`.

    `quantity` is a decimal string in units of the pair's base currency. Spot has no dates. An
    outright has a `tenor` (1W, 3M ...) or a `value_date`. A swap has a `tenor`, which is both of
    its dates (ON, TN, SN; 1M is from spot to a month on), or a far date by `far_tenor` or
    `far_date` and a near one by `near_tenor` or `near_date`, spot where neither is given. Both
    sides are quoted, or the one `side` that is asked for; the side of a swap is that of its far
    leg. `client_quote_id` is the client's own name for it, which comes back and means nothing.
    """

    account: str
    pair: str
    quantity: str
    type: Literal["spot", "outright", "swap", "ndf"]
    tenor: str | None = None
    value_date: date | None = None
    near_tenor: str | None = None
    near_date: date | None = None
    far_tenor: str | None = None
    far_date: date | None = None
    side: Side | None = None
    client_quote_id: str | None = None


class When(msgspec.Struct, frozen=True, gc=False):
    """One date of a quote as it was asked for: one `end` of a tenor, or a day.

    `field` is the member that asks for it.
    """

    field: str
    tenor: Tenor = "SPOT"
    end: End = "far"
    day: date | None = None
    named: bool = False
    """Whether the client called the date by its tenor."""


class QuoteRequest(msgspec.Struct, frozen=True, gc=False):
    """A parsed request; `legs` is one date, or the near and the far one of a swap.

    `sides` are those that are quoted. `digest` tells it from another request under the same key.
    """

    account: AccountId
    pair: Pair
    quantity: Quantity
    type: QuoteKind
    legs: tuple[When, ...]
    side: Side | UnsetType
    client_quote_id: str | UnsetType
    tenor: str | UnsetType
    digest: str

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that are quoted."""
        return ("buy", "sell") if self.side is UNSET else (self.side,)


def parse_asked(body: AskQuote) -> QuoteRequest:
    """The request in a body, or a refusal that names the member and the rule.

    Raises:
        Refused: with a code and a sentence.
    """
    traded = _pair(body)
    kind: QuoteKind = "spot" if body.type == "ndf" else body.type
    if body.client_quote_id is not None:
        check_key(body.client_quote_id, "client_quote_id")
    legs = _LEGS[kind](body)
    quantity = _quantity(body.quantity, traded)
    return QuoteRequest(
        account=AccountId(body.account),
        pair=traded,
        quantity=quantity,
        type=kind,
        legs=legs,
        side=body.side or UNSET,
        client_quote_id=body.client_quote_id or UNSET,
        tenor=UNSET if body.tenor is None else legs[-1].tenor,
        digest=_digest(body, quantity, legs),
    )


def dates_of(asked: QuoteRequest, trade_date: date) -> tuple[date, ...]:
    """The value dates of a request that is made on `trade_date`, the near one first.

    Raises:
        Refused: `TENOR_NOT_DEALT`, `VALUE_DATE_CLOSED`, `DATE_OUT_OF_RANGE`; `VALUE_DATE_RANGE`,
            also where the far leg is not after the near one.
    """
    found = tuple(_date_of(each, asked.pair, trade_date) for each in asked.legs)
    if len(found) > 1 and found[0] >= found[1]:
        raise Refused(
            "VALUE_DATE_RANGE",
            f"The far leg of a swap settles after its near leg, not on {found[1]} after"
            f" {found[0]}.",
            field=asked.legs[-1].field,
        )
    return found


def _date_of(when: When, traded: Pair, trade_date: date) -> date:
    try:
        if when.day is not None:
            check_value_date(traded, trade_date, when.day)
            return when.day
        near, far = value_dates(traded, trade_date, when.tenor)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field=when.field) from refusal
    return near if when.end == "near" else far


def _pair(body: AskQuote) -> Pair:
    try:
        traded = instrument(body.pair)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="pair") from refusal
    if traded.settlement == "ndf":
        figures = f"{traded.symbol} is a non-deliverable forward, and none are quoted yet."
        raise refusal_of(reject(RejectionCode.PAIR_NOT_DEALT, figures), "pair")
    if body.type == "ndf":
        figures = f"{traded.symbol} is deliverable: ask for spot, outright or swap."
        raise refusal_of(reject(RejectionCode.PAIR_NOT_DEALT, figures), "type")
    return traded


def _spot_leg(body: AskQuote) -> tuple[When, ...]:
    _allow(body)
    return (When("type"),)


def _outright_leg(body: AskQuote) -> tuple[When, ...]:
    _allow(body, "tenor", "value_date")
    found = _when(body, "tenor", "value_date")
    if found is None:
        raise Refused(
            "MEMBER_REQUIRED", "An outright needs a tenor or a value_date.", field="tenor"
        )
    return (found,)


def _swap_legs(body: AskQuote) -> tuple[When, ...]:
    if body.tenor is not None:
        _allow(body, "tenor")
        tenor = _tenor(body.tenor, "tenor")
        return When("tenor", tenor, "near"), When("tenor", tenor)
    _allow(body, "near_tenor", "near_date", "far_tenor", "far_date")
    far = _when(body, "far_tenor", "far_date")
    if far is None:
        sentence = "A swap needs a tenor, or a far_tenor or far_date."
        raise Refused("MEMBER_REQUIRED", sentence, field="far_tenor")
    return _when(body, "near_tenor", "near_date") or When("near_tenor"), far


_LEGS = {"spot": _spot_leg, "outright": _outright_leg, "swap": _swap_legs}
_DATES = ("tenor", "value_date", "near_tenor", "near_date", "far_tenor", "far_date")


def _allow(body: AskQuote, *names: str) -> None:
    """No date is given but by one of these members."""
    for name in _DATES:
        if getattr(body, name) is not None and name not in names:
            kind = f"swap with a {names[0]}" if len(names) == 1 else body.type
            raise Refused("MEMBER_NOT_ALLOWED", f"A quote for {kind} has no {name}.", field=name)


def _when(body: AskQuote, tenor: str, day: str) -> When | None:
    """The date that one of the two members asks for; None where neither does."""
    text, given = getattr(body, tenor), getattr(body, day)
    if text is not None and given is not None:
        raise Refused("MEMBER_NOT_ALLOWED", f"Say {tenor} or {day}, not both.", field=day)
    if given is not None:
        return When(day, day=given)
    if text is None:
        return None
    found = _tenor(text, tenor)
    if found in _BEFORE_SPOT:
        raise Refused(
            "TENOR_NOT_DEALT",
            f"{found} is a swap, from one date to another; say the one that is meant as {day}.",
            field=tenor,
        )
    return When(tenor, found, named=True)


def _tenor(text: str, field: str) -> Tenor:
    try:
        return parse_tenor(text)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field=field) from refusal


def _quantity(text: str, traded: Pair) -> Quantity:
    try:
        value = parse_decimal(text, traded.base_digits)
    except Refused as refusal:
        sentence, step = f"quantity of {traded.base}: {refusal}", None
        if refusal.code == "AMOUNT_TOO_PRECISE":
            step = format_decimal(1, traded.base_digits)
            sentence += f" The step is {step}."
        raise Refused(refusal.code, sentence, field="quantity", step=step) from refusal
    if value <= 0:
        raise Refused("AMOUNT_NOT_POSITIVE", "quantity must be above zero.", field="quantity")
    return Quantity(value)


def _digest(body: AskQuote, quantity: Quantity, legs: tuple[When, ...]) -> str:
    """What the request means: "1M" and "1m", "1000" and "1000.00" are the same."""
    dates = [f"{each.field}={each.day or each.tenor}" for each in legs]
    said = [body.account, body.pair, body.type, str(quantity), *dates]
    said += [f"side={body.side}", f"client_quote_id={body.client_quote_id}"]
    return sha256("\n".join(said).encode()).hexdigest()
