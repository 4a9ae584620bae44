"""Every error as RFC 9457 problem+json: a status, a stable code, a sentence."""

import msgspec
import structlog
from starlette.responses import Response

from tallystick.errors import (
    Corrupt,
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

PROBLEM_JSON = "application/problem+json"

STATUS: dict[type[TallystickError], int] = {
    TallystickError: 500,
    Refused: 422,
    TemporaryError: 503,
    HeadMoved: 503,
    Overloaded: 503,
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
    "UNKNOWN_DOCUMENT": 404,
    "UNKNOWN_ENTRY": 404,
    "METHOD_NOT_ALLOWED": 405,
    "IDEMPOTENCY_CONFLICT": 409,
    "ORDER_NOT_OPEN": 409,
    "BODY_TOO_LARGE": 413,
    "BAD_ENCODING": 415,
    "BAD_GZIP": 400,
    "UNKNOWN_SILENCE": 404,
    "SILENCES_TOO_MANY": 409,
    "UNKNOWN_SUBJECT": 404,
    "ERASURE_FORBIDDEN": 409,
    "SUBJECT_TOO_LARGE": 409,
    "SUBJECT_ERASED": 410,
}

TITLES: dict[str, str] = {
    "ALERT_TOO_LARGE": "The alert is too large to be sent",
    "AMOUNT_MALFORMED": "The number is not a plain decimal string",
    "AMOUNT_NOT_POSITIVE": "The amount must be above zero",
    "AMOUNT_TOO_PRECISE": "The number has more decimal places than allowed",
    "BAD_ENCODING": "The content encoding is not supported",
    "BAD_GZIP": "The body is not valid gzip",
    "BAD_JSON": "The body is not JSON",
    "BAD_KEY": "The key is not usable",
    "BAD_LIMIT": "The page cannot have so many items",
    "BAD_LINE": "The log line cannot be stored",
    "BAD_POLICY": "The policy of witnesses cannot be used",
    "BAD_QUERY": "The query cannot be understood",
    "BAD_RANGE": "The range is not inside the ledger",
    "BAD_REQUEST": "The request does not have the expected form",
    "BAD_VKEY": "The verifier key cannot be used",
    "BODY_TOO_LARGE": "The body is too large",
    "DATE_OUT_OF_RANGE": "The calendars do not reach that far",
    "ENTRY_NOT_RAW": "The bytes could be taken for an entry of ours",
    "ERASURE_FORBIDDEN": "A duty to keep records has not ended",
    "EXPORT_EXISTS": "The folder is already there",
    "FORBIDDEN": "The token may not do this",
    "IDEMPOTENCY_CONFLICT": "The key was used for another order",
    "INTERNAL": "Something went wrong on our side",
    "KEYS_TOO_MANY": "Too many keys sign already",
    "LAST_KEY": "The only key cannot be retired",
    "MATCHER_PATTERN": "The matcher cannot be used",
    "METHOD_NOT_ALLOWED": "The method is not allowed here",
    "NOT_FOUND": "There is nothing here",
    "NOT_HERE_YET": "The entry is not here yet",
    "ORDER_NOT_OPEN": "The order is not resting",
    "PERSONAL_DATA": "A sentence repeats personal data",
    "PRICE_NOT_ALLOWED": "A market order has no price",
    "PRICE_REQUIRED": "A limit order needs a price",
    "QLDB_CONTRADICTION": "The QLDB export contradicts its own hashes",
    "QLDB_DIGEST": "The QLDB export is not what the digest covers",
    "QLDB_INCOMPLETE": "The QLDB export is not whole",
    "QLDB_NEEDS_ION": "Reading Ion needs the optional library",
    "QLDB_UNPROVED": "No hash proves parts of the QLDB export",
    "QLDB_UNREADABLE": "The QLDB export cannot be read",
    "QUERY_TOO_LARGE": "The lines found are too long for one page",
    "QUERY_TOO_SLOW": "The query takes too long",
    "SILENCES_TOO_MANY": "There are too many silences",
    "SILENCE_EMPTY": "The silence has no matchers",
    "SILENCE_PERIOD": "The silence's times cannot be used",
    "SILENCE_UNEXPLAINED": "The silence does not say why",
    "SUBJECT_ERASED": "The subject was erased",
    "SUBJECT_TOO_LARGE": "The subject has too many recordings or fields",
    "TIME_IN_FORCE_NOT_ALLOWED": "The time in force does not suit the order type",
    "UNAUTHENTICATED": "A valid token is needed",
    "UNAVAILABLE": "Not possible right now; try again",
    "UNKNOWN_ACCOUNT": "There is no such account",
    "UNKNOWN_CURRENCY": "There is no such currency",
    "UNKNOWN_DOCUMENT": "There is no such document",
    "UNKNOWN_ENTRY": "There is no such entry",
    "UNKNOWN_FIELD": "The body has a member that is not known",
    "UNKNOWN_KEY": "There is no such key",
    "UNKNOWN_ORDER": "There is no such order",
    "UNKNOWN_PAIR": "There is no such pair",
    "UNKNOWN_SILENCE": "There is no such silence",
    "UNKNOWN_SUBJECT": "There is no such subject",
    "UNKNOWN_TOKEN": "There is no such token",
    "VALUE_NOT_ALLOWED": "A member has a value that is not allowed",
}
"""The closed list of codes of refused requests, each with its title."""


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 section 3.1, with two extension members: `code` and `field`."""

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    field: str | msgspec.UnsetType = msgspec.UNSET


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
        title = TITLES.get(error.code, error.code)
        return Problem(title, status, str(error), error.code, field=error.field or msgspec.UNSET)
    code = "UNAVAILABLE" if isinstance(error, TemporaryError) else "INTERNAL"
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
