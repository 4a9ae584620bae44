"""What was taken out of log lines, for those who may read it again; each reading is an entry."""

from typing import Annotated

import msgspec

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.limits import REASON_CHARACTERS_MAX
from tallystick.watch.collect.redact import UNMASK_FIELDS_MAX, Unmasked

_SEQ_DIGITS_MAX = 15


class UnmaskRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is read, which stays in the ledger for ever; and which fields, by default all.

    A field is the JSON pointer (RFC 6901) of a member of the line, such as `/body`.
    """

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    fields: (
        Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=UNMASK_FIELDS_MAX)] | None
    ) = None


async def unmask(services: Services, call: Call) -> Unmasked:
    """Read what was taken out of a line."""
    asked: UnmaskRequest = call.body
    return await services.unmasker.unmask(
        _seq(call.path["seq"]),
        fields=asked.fields,
        by=call.principal.name,
        reason=asked.reason,
        require_index=call.principal.require_index,
    )


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _SEQ_DIGITS_MAX:
        raise Refused("UNKNOWN_LINE", "A log line is named by its log.seq, a number.")
    return int(text)


OPERATIONS = (
    Operation(
        "POST", "/v1/logs/{seq}/unmask",
        "What was taken out of a log line, as it was; the ledger says who read it, and why.",
        unmask, Unmasked, scope="unmask", body=UnmaskRequest, tag="watch",
        refusals=("UNKNOWN_LINE", "NOT_SEALED", "ORIGINALS_DESTROYED", "FIELDS_TOO_MANY"),
    ),
)  # fmt: skip
