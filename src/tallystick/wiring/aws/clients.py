"""Clients of AWS services, each made once in a process, with time limits that fit a request."""

from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from tallystick.errors import Misconfigured, TallystickError, TemporaryError

CONNECT_SECONDS_MAX = 2
READ_SECONDS_MAX = 5
ATTEMPTS_MAX = 3
"""The whole of it, with the first one."""
FAILURES = (BotoCoreError, ClientError)
_FINAL = frozenset(
    {"AccessDeniedException", "AccessDenied", "ResourceNotFoundException", "NotFoundException",
     "ValidationException", "InvalidKeyUsageException", "DisabledException"}
)  # fmt: skip
"""What a service says when trying again will not help."""


@lru_cache
def client(service: str, region: str | None = None) -> Any:
    """The client; made by botocore at run time, so it has no type of its own."""
    config = Config(
        connect_timeout=CONNECT_SECONDS_MAX,
        read_timeout=READ_SECONDS_MAX,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
    )
    return Session().create_client(service, region_name=region, config=config)


def code_of(error: Exception) -> str:
    """The service's own word for what went wrong; empty where it said nothing."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def explained(service: str, error: Exception) -> TallystickError:
    """The error of ours that stands for it."""
    kind = Misconfigured if code_of(error) in _FINAL else TemporaryError
    return kind(f"{service}: {error}")
