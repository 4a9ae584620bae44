"""What goes in and out of the naive peer's door: the product's order and answer, by pydantic."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

DecimalText = Annotated[
    str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", max_length=24)
]


class OrderIn(BaseModel):
    """The body of POST /v1/orders."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    client_order_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    account: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    pair: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}/[A-Z]{3}$")]
    side: Literal["buy", "sell"]
    quantity: DecimalText
    type: Literal["market", "limit"]
    time_in_force: Literal["FOK", "IOC", "GTC"]
    price: DecimalText | None = None

    @model_validator(mode="after")
    def limit_orders_have_a_price(self) -> Self:
        """A limit order has a price, a market order has none."""
        if (self.type == "limit") != (self.price is not None):
            raise ValueError("a limit order needs a price, and a market order has none")
        return self


class OrderOut(BaseModel):
    """The order as it stands."""

    id: str
    account: str
    client_order_id: str
    pair: str
    side: str
    quantity: Decimal
    type: str
    time_in_force: str
    price: Decimal | None
    state: str


class FillOut(BaseModel):
    """One fill."""

    id: str
    price: Decimal
    quantity: Decimal
    amount: Decimal
    value_date: date


class RejectionOut(BaseModel):
    """Why the order was rejected."""

    code: str
    reason: str


class ReceiptOut(BaseModel):
    """Where in the hash chain the order stands; there is nothing more to prove with."""

    position: int
    entry: str = Field(description="The canonical JSON that was hashed.")
    previous_hash: str
    hash: str


class PlacedOut(BaseModel):
    """The answer to POST /v1/orders."""

    order: OrderOut
    fills: list[FillOut]
    rejection: RejectionOut | None
    receipt: ReceiptOut
