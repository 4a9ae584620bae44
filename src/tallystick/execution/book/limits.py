"""Limits, parsed: an account's own, and the tightest of all scopes that it trades under."""

import msgspec

from tallystick.execution.entries import LimitsText, ScopedLimits
from tallystick.money import format_decimal, parse_decimal

USD_DIGITS = 2
UNITS_DIGITS = 0
OPEN_ORDERS_MAX = 1_000
"""Working orders of one account, where no limit says less."""
STOP_COLLAR_TIMES = 5
"""How much wider the collar of stops is than that of limits, where no limit says how wide."""


class Limits(msgspec.Struct, frozen=True):
    """What an account may do.

    `order_quantity_max` whole units of base currency, `position_usd_max` US cents of net open
    position, `collar_bps` hundredths of a percent from the mid, `duplicates_max` equal orders
    within `duplicate_window_ms` milliseconds; `order_usd_max` and `settlement_usd_max` US cents.
    The others are as in `ScopedLimits`; None: not limited.
    """

    order_quantity_max: int
    position_usd_max: int
    collar_bps: int
    duplicate_window_ms: int
    duplicates_max: int
    order_usd_max: int | None = None
    settlement_usd_max: int | None = None
    open_orders_max: int = OPEN_ORDERS_MAX
    messages_per_second: int | None = None
    message_burst: int | None = None
    executions_max: int | None = None
    execution_window_ms: int | None = None
    stop_collar_bps: int | None = None

    @classmethod
    def of(cls, text: LimitsText) -> "Limits":
        """The limits in an entry's words.

        Raises:
            Refused: a number is malformed or too precise.
        """
        return cls(
            order_quantity_max=parse_decimal(text.order_quantity_max, UNITS_DIGITS),
            position_usd_max=parse_decimal(text.position_usd_max, USD_DIGITS),
            collar_bps=text.collar_bps,
            duplicate_window_ms=text.duplicate_window_ms,
            duplicates_max=text.duplicates_max,
        )

    @property
    def throttle_window_ms(self) -> int:
        """Within which equal executions are counted."""
        return self.execution_window_ms or self.duplicate_window_ms

    @property
    def stop_collar(self) -> int:
        """How far from the mid a stop may be, basis points."""
        if self.stop_collar_bps is not None:
            return self.stop_collar_bps
        return self.collar_bps * STOP_COLLAR_TIMES


class Bounds(msgspec.Struct, frozen=True):
    """The limits of one scope, parsed; None: not limited there. Units as in `Limits`.

    `position` is that of the entry that set them.
    """

    order_quantity_max: int | None = None
    order_usd_max: int | None = None
    position_usd_max: int | None = None
    settlement_usd_max: int | None = None
    collar_bps: int | None = None
    open_orders_max: int | None = None
    messages_per_second: int | None = None
    message_burst: int | None = None
    executions_max: int | None = None
    execution_window_ms: int | None = None
    stop_collar_bps: int | None = None
    position: int = 0

    @classmethod
    def of(cls, text: ScopedLimits, position: int = 0) -> "Bounds":
        """The limits in an entry's words.

        Raises:
            Refused: a number is malformed or too precise.
        """
        values = {
            name: parse_bound(name, value)
            for name, value in msgspec.structs.asdict(text).items()
            if value is not None
        }
        return cls(position=position, **values)


LIMIT_NAMES: tuple[str, ...] = ScopedLimits.__struct_fields__
"""Every limit that a scope may have."""
_DIGITS = {
    "order_quantity_max": UNITS_DIGITS,
    "order_usd_max": USD_DIGITS,
    "position_usd_max": USD_DIGITS,
    "settlement_usd_max": USD_DIGITS,
}
DECIMAL_LIMITS = frozenset(_DIGITS)
"""Limits that are decimal strings on the wire; the others are whole numbers."""
LONGER_IS_TIGHTER = frozenset({"execution_window_ms"})
"""Where more is stricter: within a longer window the same number is reached sooner."""


def parse_bound(name: str, value: str | int) -> int:
    """One limit in its unit.

    Raises:
        Refused: `AMOUNT_MALFORMED`, `AMOUNT_TOO_PRECISE`.
    """
    return value if isinstance(value, int) else parse_decimal(value, _DIGITS.get(name, 0))


def bound_text(name: str, value: int) -> str:
    """One limit as a person writes it."""
    return format_decimal(value, _DIGITS.get(name, 0))


def is_tighter(name: str, value: int, than: int | None) -> bool:
    """Whether a limit is stricter than another one, or than none."""
    if than is None:
        return True
    return value > than if name in LONGER_IS_TIGHTER else value < than


def tightest(limits: Limits, bounds: Bounds) -> Limits:
    """Both at once."""
    changes = {}
    for name in LIMIT_NAMES:
        bound = getattr(bounds, name)
        if bound is not None and is_tighter(name, bound, getattr(limits, name)):
            changes[name] = bound
    return msgspec.structs.replace(limits, **changes) if changes else limits
