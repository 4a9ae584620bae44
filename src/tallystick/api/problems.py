"""Every error as RFC 9457 problem+json: a status, a stable code, a sentence."""

import msgspec
import structlog
from starlette.responses import Response

from tallystick.errors import (
    Corrupt,
    Crowded,
    Forked,
    HeadMoved,
    KeyTaken,
    Misconfigured,
    Overloaded,
    PermanentError,
    Refused,
    ShuttingDown,
    TallystickError,
    TemporaryError,
)
from tallystick.execution.rejections import RejectionCode

PROBLEM_JSON = "application/problem+json"

STATUS: dict[type[TallystickError], int] = {
    TallystickError: 500,
    Refused: 422,
    TemporaryError: 503,
    HeadMoved: 503,
    Overloaded: 503,
    Crowded: 429,
    ShuttingDown: 503,
    PermanentError: 500,
    KeyTaken: 409,
    Corrupt: 500,
    Forked: 500,
    Misconfigured: 500,
}
"""The status of each kind of error; a refusal's own code may say otherwise below."""

REFUSAL_STATUS: dict[str, int] = {
    "BAD_JSON": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "NOT_HERE_YET": 409,
    "UNKNOWN_ORDER": 404,
    "UNKNOWN_QUOTE": 404,
    "UNKNOWN_DOCUMENT": 404,
    "UNKNOWN_ENTRY": 404,
    "METHOD_NOT_ALLOWED": 405,
    "IDEMPOTENCY_CONFLICT": 409,
    "ORDER_NOT_OPEN": 409,
    "BODY_TOO_LARGE": 413,
    "BAD_ENCODING": 415,
    "BAD_CONTENT_TYPE": 415,
    "BAD_PROTOBUF": 400,
    "BODY_TOO_SLOW": 408,
    "BAD_GZIP": 400,
    "UNKNOWN_SILENCE": 404,
    "UNKNOWN_INCIDENT": 404,
    "UNKNOWN_MESSAGE": 404,
    "UNKNOWN_TARGET": 404,
    "INCIDENT_RESOLVED": 409,
    "MESSAGE_NOT_DEAD": 409,
    "UNKNOWN_OVERRIDE": 404,
    "UNKNOWN_SCHEDULE": 404,
    "ON_CALL_OVERRIDES_TOO_MANY": 409,
    "UNKNOWN_ANOMALY": 404,
    "SILENCES_TOO_MANY": 409,
    "UNKNOWN_SEARCH": 404,
    "SEARCHES_TOO_MANY": 409,
    "UNKNOWN_JOB": 404,
    "UNKNOWN_LINE": 404,
    "CROWDED": 429,
    "UNKNOWN_SUBJECT": 404,
    "ERASURE_FORBIDDEN": 409,
    "SUBJECT_TOO_LARGE": 409,
    "SUBJECT_ERASED": 410,
    "NOT_SEALED": 409,
    "ORIGINALS_DESTROYED": 410,
    "ACCOUNT_NOT_FLAT": 409,
    "INSUFFICIENT_FUNDS": 409,
    "NO_POSITION": 404,
    "SINCE_OUT_OF_RANGE": 416,
    "UPGRADE_REQUIRED": 426,
    "SECOND_PERSON_NEEDED": 409,
    "NOTHING_TO_RESUME": 409,
    "UNKNOWN_MODEL": 404,
    "UNKNOWN_BACKTEST": 404,
    "ALARMS_TOO_MANY": 409,
    "ALERT_INVALID": 400,
    "ALARM_IN_USE": 409,
    "ALARM_IN_FILE": 409,
    "ALARM_CHANGED": 412,
    "UNKNOWN_ALARM": 404,
    "ALREADY_CHAMPION": 409,
    "MODEL_CHANGED": 409,
    "MODEL_OUTDATED": 409,
    "MODEL_NOT_PROMOTABLE": 409,
    "NOTHING_TO_ROLL_BACK": 409,
    "UNKNOWN_DEAD_LETTER": 404,
    "UNKNOWN_REPLAY": 404,
    "UNKNOWN_RULE": 404,
    "UNKNOWN_RUN": 404,
    "REPLAY_EXISTS": 409,
    "PART_LOCKED": 409,
    "NO_SUCH_PART": 404,
    "PART_COLD": 409,
    "NOTHING_TO_RESTORE": 409,
    "NO_PARTS": 404,
    "PARTS_TOO_MANY": 409,
    "HOLDS_TOO_MANY": 409,
    "UNKNOWN_HOLD": 404,
    "UNKNOWN_RESTORE": 404,
    "NO_ARCHIVE": 404,
    "NOT_VERIFIED": 404,
    "LINK_INVALID": 403,
    "LINK_EXPIRED": 410,
    "WEBHOOK_BODY": 400,
    "WEBHOOK_SIGNATURE": 403,
}

TITLES: dict[str, str] = {
    "ACCOUNT_NOT_FLAT": "The account's positions are counted by it",
    "ACKNOWLEDGE_SECONDS": "An acknowledgement cannot hold that long",
    "ALARMS_TOO_MANY": "There are too many alarms",
    "ALARM_CHANGED": "The alarm was changed by somebody else",
    "ALARM_CYCLE": "Alarms would go round in a circle",
    "ALARM_IN_FILE": "The alarm stands in a file",
    "ALARM_IN_USE": "Other alarms need this one",
    "ALARM_QUERY": "The query gives an alarm no number",
    "ALARM_REFERENCE": "The alarm refers to one that is not there",
    "ALARM_UNUSABLE": "The alarm cannot work",
    "ALERT_TIME": "The alert's time is not one",
    "ALERT_INVALID": "An alert that was posted cannot be used",
    "ALERT_TOO_LARGE": "The alert is too large to be sent",
    "ALREADY_CHAMPION": "This version alerts already",
    "AMOUNT_MALFORMED": "The number is not a plain decimal string",
    "AMOUNT_NOT_POSITIVE": "The amount must be above zero",
    "AMOUNT_TOO_PRECISE": "The number has more decimal places than allowed",
    "BAD_BACKTEST": "The backtest does not speak for this version",
    "BAD_CONTENT_TYPE": "The content type is not supported",
    "BAD_CURSOR": "The cursor is not one that was given out",
    "BAD_ENCODING": "The content encoding is not supported",
    "BAD_GZIP": "The body is not valid gzip",
    "BAD_HORIZON": "A forecast cannot reach so far",
    "BAD_JSON": "The body is not JSON",
    "BAD_KEY": "The key is not usable",
    "BAD_LIMIT": "The page cannot have so many items",
    "BAD_LINE": "The log line cannot be stored",
    "BAD_MODEL": "This is no model",
    "BAD_NAME": "The name cannot be used",
    "BAD_OVERRIDE": "The override of a limit cannot be used",
    "BAD_PATTERN": "The event pattern cannot be used",
    "BAD_PLACE": "The stream has no such place",
    "BAD_POLICY": "The policy of witnesses cannot be used",
    "BAD_PROTOBUF": "The body is no message of the protocol",
    "BAD_QUERY": "The query cannot be understood",
    "BAD_QUEUE": "A queue cannot have this name",
    "BAD_RANGE": "The range is not inside the ledger",
    "BAD_REQUEST": "The request does not have the expected form",
    "BAD_SCHEDULE": "The schedule cannot be used",
    "BAD_TIER": "The storage class has no such tier",
    "BAD_TIME": "The time cannot be read",
    "BAD_TRANSFORMER": "The input transformer cannot be used",
    "BAD_VKEY": "The verifier key cannot be used",
    "BODY_TOO_LARGE": "The body is too large",
    "BODY_TOO_SLOW": "The body took too long to arrive",
    "CALENDAR_INVALID": "The calendar cannot be read",
    "CROWDED": "As much of this runs at once as may",
    "DATE_OUT_OF_RANGE": "The calendars do not reach that far",
    "ENTRY_NOT_RAW": "The bytes could be taken for an entry of ours",
    "ERASURE_FORBIDDEN": "A duty to keep records has not ended",
    "EXPORT_EXISTS": "The folder is already there",
    "FIELDS_TOO_MANY": "More fields than are read at once",
    "FORBIDDEN": "The token may not do this",
    "GROUP_IS_READ": "Somebody reads as that consumer",
    "HOLDS_TOO_MANY": "There are too many legal holds",
    "IDEMPOTENCY_CONFLICT": "The key was used for another request",
    "INCIDENT_RESOLVED": "The incident is over already",
    "INSUFFICIENT_FUNDS": "The account has not so much to take out",
    "INTERNAL": "Something went wrong on our side",
    "KEYS_TOO_MANY": "Too many keys sign already",
    "KEY_REQUIRED": "The write needs an Idempotency-Key",
    "LAST_KEY": "The only key cannot be retired",
    "LINK_EXPIRED": "The link has expired",
    "LINK_INVALID": "The link is not one of ours",
    "MATCHER_PATTERN": "The matcher cannot be used",
    "MEMBER_NOT_ALLOWED": "The order type has no such member",
    "MEMBER_REQUIRED": "The order type needs a member that is missing",
    "MESSAGE_NOT_DEAD": "The message was not given up",
    "METHOD_NOT_ALLOWED": "The method is not allowed here",
    "MODEL_NOT_PROMOTABLE": "This version can only challenge",
    "MODEL_CHANGED": "The files of this version were changed",
    "MODEL_OUTDATED": "This version is of another release",
    "NOTE_EMPTY": "The note says nothing",
    "NOTE_TOO_LONG": "The note is too long",
    "NOTHING_TO_RESTORE": "No part of the range is cold",
    "NOTHING_TO_RESUME": "Trading is not stopped there",
    "NOTHING_TO_ROLL_BACK": "No version was promoted",
    "NOT_FOUND": "There is nothing here",
    "NOT_HERE_YET": "The entry is not here yet",
    "NOT_SEALED": "Nothing that was taken out is kept",
    "NOT_VERIFIED": "The archive was never verified",
    "NO_ARCHIVE": "There is no archive",
    "NO_PARTS": "No archived part is in the range",
    "NO_POSITION": "There is nothing to close",
    "NO_SUCH_PART": "There is no such log part",
    "ON_CALL_OVERRIDES_TOO_MANY": "There are too many overrides of schedules",
    "ON_CALL_PERIOD": "The override's times cannot be used",
    "ON_CALL_PERSON": "There is no such person to be on call",
    "ON_CALL_UNEXPLAINED": "The override does not say who made it",
    "ORDER_NOT_OPEN": "The order is not working",
    "ORIGINALS_DESTROYED": "What was taken out was destroyed",
    "OVERRIDE_EXPIRED": "The override has ended",
    "OVERRIDE_TOO_LONG": "The override lasts too long",
    "PARTS_TOO_MANY": "Too many parts are in the range",
    "PART_COLD": "The part has to be restored first",
    "PART_LOCKED": "A lock keeps the part",
    "PERSONAL_DATA": "A sentence repeats personal data",
    "POINTS_MISSING": "The forward points do not reach that day",
    "POINTS_UNUSABLE": "The forward points cannot be used",
    "PRICE_NOT_ALLOWED": "The order type has no price",
    "PRICE_REQUIRED": "The order type needs a price",
    "QLDB_CONTRADICTION": "The QLDB export contradicts its own hashes",
    "QLDB_DIGEST": "The QLDB export is not what the digest covers",
    "QLDB_INCOMPLETE": "The QLDB export is not whole",
    "QLDB_NEEDS_ION": "Reading Ion needs the optional library",
    "QLDB_UNPROVED": "No hash proves parts of the QLDB export",
    "QLDB_UNREADABLE": "The QLDB export cannot be read",
    "QUERY_TOO_LARGE": "The lines found are too long for one page",
    "QUERY_TOO_SLOW": "The query takes too long",
    "REPLAY_EXISTS": "There is such a replay already",
    "REPLAY_TOO_LONG": "So much cannot be replayed at once",
    "SCHEDULE_INVALID": "The schedule cannot work",
    "SCHEDULE_PERIOD": "So long a time cannot be asked for",
    "SEARCHES_TOO_MANY": "There are too many saved searches",
    "SECOND_PERSON_NEEDED": "A second person has to agree",
    "SILENCES_TOO_MANY": "There are too many silences",
    "SILENCE_EMPTY": "The silence has no matchers",
    "SILENCE_PERIOD": "The silence's times cannot be used",
    "SILENCE_UNEXPLAINED": "The silence does not say why",
    "SINCE_OUT_OF_RANGE": "There is no such entry to go on from",
    "SUBJECT_ERASED": "The subject was erased",
    "SUBJECT_TOO_LARGE": "The subject has too many recordings or fields",
    "TENOR_NOT_DEALT": "The pair has no such tenor on that day",
    "TIME_IN_FORCE_NOT_ALLOWED": "The time in force does not suit the order type",
    "TOO_FEW_CASES": "There are too few judged cases",
    "TOO_FEW_POINTS": "There are too few points",
    "TOO_MANY_LINKED_ORDERS": "Too many orders come with one",
    "TOO_MANY_QUOTES": "The account has too many open quotes",
    "UNAUTHENTICATED": "A valid token is needed",
    "UNAVAILABLE": "Not possible right now; try again",
    "UNKNOWN_ACCOUNT": "There is no such account",
    "UNKNOWN_ALARM": "There is no such alarm",
    "UNKNOWN_ANOMALY": "There is no such anomaly",
    "UNKNOWN_APPROVER": "Nobody who may approve signed it",
    "UNKNOWN_BACKTEST": "There is no such backtest",
    "UNKNOWN_CONSUMER": "There is no such consumer",
    "UNKNOWN_CURRENCY": "There is no such currency",
    "UNKNOWN_DEAD_LETTER": "There is no such dead letter",
    "UNKNOWN_DESK": "There is no such desk",
    "UNKNOWN_DOCUMENT": "There is no such document",
    "UNKNOWN_ENTRY": "There is no such entry",
    "UNKNOWN_FIELD": "The body has a member that is not known",
    "UNKNOWN_HOLD": "There is no such legal hold",
    "UNKNOWN_INCIDENT": "There is no such incident",
    "UNKNOWN_JOB": "There is no such search job",
    "UNKNOWN_KEY": "There is no such key",
    "UNKNOWN_LIMIT": "There is no such limit",
    "UNKNOWN_LINE": "There is no such log line",
    "UNKNOWN_MESSAGE": "There is no such message",
    "UNKNOWN_MODEL": "There is no such version of detection",
    "UNKNOWN_ORDER": "There is no such order",
    "UNKNOWN_OVERRIDE": "There is no such override",
    "UNKNOWN_PAIR": "There is no such pair",
    "UNKNOWN_QUOTE": "There is no such quote",
    "UNKNOWN_REPLAY": "There is no such replay",
    "UNKNOWN_RESTORE": "There is no such restore",
    "UNKNOWN_RULE": "There is no such rule",
    "UNKNOWN_RUN": "There is no such run",
    "UNKNOWN_SCHEDULE": "There is no such schedule",
    "UNKNOWN_SEARCH": "There is no such saved search",
    "UNKNOWN_SILENCE": "There is no such silence",
    "UNKNOWN_SUBJECT": "There is no such subject",
    "UNKNOWN_TARGET": "There is no such target",
    "UNKNOWN_TENOR": "There is no such tenor",
    "UNKNOWN_TOKEN": "There is no such token",
    "UPGRADE_REQUIRED": "The path speaks WebSocket",
    "VALUE_DATE_CLOSED": "A currency does not settle on that day",
    "VALUE_DATE_RANGE": "The value date is too early or too late",
    "VALUE_NOT_ALLOWED": "A member has a value that is not allowed",
    "WEBHOOK_BODY": "The webhook's body cannot be read",
    "WEBHOOK_SIGNATURE": "The webhook is not signed with our secret",
}
"""The closed list of codes of refused requests, each with its title."""


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 section 3.1, with three extension members: `code`, `field` and `step`.

    `field` names the offending member, `step` the smallest step that its value may have.
    """

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    field: str | msgspec.UnsetType = msgspec.UNSET
    step: str | msgspec.UnsetType = msgspec.UNSET


_REJECTED = {code.name: code.value.rstrip(".") for code in RejectionCode}
"""Titles of what would be rejected as an order, and so is not quoted."""
_ENCODE = msgspec.json.Encoder().encode
_log = structlog.get_logger("api")


def known_error(error: Exception) -> TallystickError:
    """The error itself if it is one of ours; what nobody expected is logged with its trace."""
    if isinstance(error, TallystickError):
        return error
    _log.error("api.request_failed", exc_info=error)
    return TallystickError()


def problem_of(error: TallystickError) -> Problem:
    """What the client is told about this error."""
    status = STATUS[type(error)] if type(error) in STATUS else STATUS[TallystickError]
    if isinstance(error, Refused):
        status = REFUSAL_STATUS.get(error.code, status)
        title = TITLES.get(error.code) or _REJECTED.get(error.code, error.code)
        return Problem(
            title, status, str(error), error.code,
            field=error.field or msgspec.UNSET, step=error.step or msgspec.UNSET,
        )  # fmt: skip
    code = "UNAVAILABLE" if isinstance(error, TemporaryError) else "INTERNAL"
    if isinstance(error, Crowded):
        code = "CROWDED"
    detail = str(error) if isinstance(error, TemporaryError) else TITLES["INTERNAL"] + "."
    return Problem(TITLES[code], status, detail, code)


def headers_of(error: TallystickError) -> dict[str, str]:
    """What else belongs to the answer: `Retry-After`, `WWW-Authenticate`."""
    if isinstance(error, TemporaryError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, Refused) and error.code == "UNAUTHENTICATED":
        return {"WWW-Authenticate": 'Bearer realm="tallystick"'}
    return {}


def problem_response(error: TallystickError) -> Response:
    """The whole answer."""
    problem = problem_of(error)
    body = _ENCODE(problem)
    return Response(body, problem.status, headers_of(error), media_type=PROBLEM_JSON)
