"""The connection to S3, and what its errors mean to us.

botocore is what aiobotocore (the extra `aws`) speaks through; a vault is called from threads, so
it is used directly. Its clients may be used by several threads at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tallystick.errors import Corrupt, Misconfigured, PermanentError, Refused, TemporaryError
from tallystick.watch.collect.archive.lock import LOCKED
from tallystick.watch.collect.archive.s3_place import S3Place
from tallystick.watch.collect.archive.vault import ColdObjectError

CONNECT_SECONDS_MAX = 10
READ_SECONDS_MAX = 60
ATTEMPTS_MAX = 4
"""How often a request is tried, with growing pauses in between."""
_TEMPORARY = frozenset(
    {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
)
_SETTINGS = frozenset(
    {
        "AccessDenied",
        "InvalidAccessKeyId",
        "NoSuchBucket",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
    }
)
NOT_THERE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})


def connect(place: S3Place) -> Any:
    """A client of botocore.

    Raises:
        Misconfigured: the extra is not installed, or no region or credentials are known.
    """
    try:
        from botocore.config import Config  # noqa: PLC0415  the extra
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  the extra
        from botocore.session import Session  # noqa: PLC0415  the extra
    except ModuleNotFoundError as error:
        raise Misconfigured(
            "An archive in S3 needs the extra aws: pip install 'tallystick[aws]'."
        ) from error
    config = Config(
        connect_timeout=CONNECT_SECONDS_MAX,
        read_timeout=READ_SECONDS_MAX,
        retries={"mode": "standard", "max_attempts": ATTEMPTS_MAX},
        s3={"addressing_style": "path"} if place.path_style else None,
    )
    try:
        return Session().create_client(
            "s3", region_name=place.region, endpoint_url=place.endpoint, config=config
        )
    except (BotoCoreError, ValueError) as error:
        raise Misconfigured(f"{place} cannot be used: {error}.") from error


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Errors of S3 as ours; `what` begins the sentence.

    Raises:
        ColdObjectError: it has to be restored first.
        Refused: `PART_LOCKED`.
        TemporaryError: try again.
        Misconfigured: bucket, credentials or rights are not as they have to be.
    """
    from botocore.exceptions import (  # noqa: PLC0415  the extra
        BotoCoreError,
        ClientError,
        NoCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        raise _ours(what, error) from error
    except NoCredentialsError as error:
        raise Misconfigured(f"{what}: no credentials for S3 are known.") from error
    except (BotoCoreError, OSError) as error:
        raise TemporaryError(f"{what}: {error}.") from error


def code_of(error: Exception) -> str:
    """The code of a `ClientError`, such as NoSuchKey; of an answer to HEAD it is the status."""
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _ours(what: str, error: Exception) -> Exception:
    code = code_of(error)
    response: dict[str, Any] = getattr(error, "response", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = str(response.get("Error", {}).get("Message", "")).rstrip(".") or code
    sentence = f"{what}: {said} ({code})."
    if code == "InvalidObjectState":
        return ColdObjectError(sentence)
    if code == "AccessDenied" and "object lock" in said.lower():
        return Refused(LOCKED, sentence)
    if code in {"BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest"}:
        return Corrupt(sentence)
    if code in _SETTINGS:
        return Misconfigured(sentence)
    if code in _TEMPORARY or (status >= 500 and status != 501) or status == 429:
        return TemporaryError(sentence)
    return PermanentError(sentence)
