"""What would be rejected is not quoted: a rejection as the refusal of a quote."""

from tallystick.errors import Refused
from tallystick.execution.entries import Rejection


def refusal_of(rejection: Rejection, field: str | None = None) -> Refused:
    """The refusal of a quote for the reason, and with the code, of a rejection."""
    return Refused(rejection.code, rejection.reason, field=field)
