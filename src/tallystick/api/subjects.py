"""Natural persons at the door: recorded, read, disclosed and erased.

Values are in bodies and answers only: never in a path, a query, a refusal or a log line.
"""

from typing import Annotated

import msgspec

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.ledger.personal import Erasure, Recording
from tallystick.ledger.personal.disclosure import Disclosure, disclose
from tallystick.ledger.personal.names import FIELD, LEGAL_BASIS_CHARACTERS_MAX
from tallystick.limits import REASON_CHARACTERS_MAX, SUBJECT_FIELDS_MAX

FieldName = Annotated[str, msgspec.Meta(pattern=FIELD)]


class SubjectFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is to be known of a subject from now on, and the account that is the subject's.

    A value has at most 4,096 bytes in UTF-8; a schema cannot count bytes.
    """

    fields: Annotated[
        dict[FieldName, str], msgspec.Meta(min_length=1, max_length=SUBJECT_FIELDS_MAX)
    ]
    account: str | None = None


class RecordingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which recording: the newest, or the one at a ledger position."""

    position: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None


class DisclosureQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields to show, separated by commas (all by default), of which recording."""

    fields: str | None = None
    position: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None


class EraseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a subject is erased. Both sentences stay in the ledger for ever."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    legal_basis: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=LEGAL_BASIS_CHARACTERS_MAX)] | None
    ) = None


async def record(services: Services, call: Call) -> Recording:
    """Record a subject."""
    asked: SubjectFields = call.body
    if asked.account is not None:
        services.desk.book.account(asked.account)  # refuses one that is not there
    return await services.subjects.record(
        call.path["subject"], asked.fields, account=asked.account, by=call.principal.name
    )


async def read(services: Services, call: Call) -> Recording:
    """What was recorded of a subject."""
    return await services.subjects.read(call.path["subject"], call.query.position)


async def disclosure(services: Services, call: Call) -> Disclosure:
    """What a subject can show to others."""
    recording = await services.subjects.read(call.path["subject"], call.query.position)
    wanted = call.query.fields
    names = recording.fields.keys() if wanted is None else set(wanted.split(","))
    if not names <= recording.fields.keys():
        sentence = f"Entry {recording.position} does not have all of these fields."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="fields")
    return disclose(recording, services.ledger.receipt(recording.position), names)


async def erase(services: Services, call: Call) -> Erasure:
    """Erase a subject."""
    asked: EraseRequest = call.body
    return await services.subjects.erase(
        call.path["subject"],
        reason=asked.reason,
        legal_basis=asked.legal_basis,
        by=call.principal.name,
    )


_GONE = ("SUBJECT_ERASED", "UNKNOWN_SUBJECT")

OPERATIONS = (
    Operation(
        "PUT", "/v1/subjects/{subject}",
        "Record what is known of a natural person; the ledger gets commitments only.",
        record, Recording, scope="operate", body=SubjectFields, tag="subjects",
        refusals=("SUBJECT_ERASED", "SUBJECT_TOO_LARGE"),
    ),
    Operation(
        "GET", "/v1/subjects/{subject}",
        "What was recorded of a subject last, or at a position, with blinds and commitments.",
        read, Recording, scope="operate", query=RecordingQuery, tag="subjects", refusals=_GONE,
    ),
    Operation(
        "GET", "/v1/subjects/{subject}/disclosure",
        "A proof of some fields that the subject can show to anybody.",
        disclosure, Disclosure, scope="operate", query=DisclosureQuery, tag="subjects",
        refusals=_GONE,
    ),
    Operation(
        "POST", "/v1/subjects/{subject}/erase",
        "Destroy the subject's key for ever, and say so in the ledger.",
        erase, Erasure, scope="operate", body=EraseRequest, tag="subjects",
        refusals=("ERASURE_FORBIDDEN", "UNKNOWN_SUBJECT"),
    ),
)  # fmt: skip
