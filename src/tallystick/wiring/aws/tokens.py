"""Tokens from Secrets Manager: the product's own file of hashes, kept fresh in the function's disk.

Whoever revokes a token changes the secret; a function that runs takes it for `AGE_SECONDS` more.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from tallystick.access import Tokens
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.durable import replace_file
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.wiring.aws.clients import client

AGE_SECONDS = 60
"""How long what was read is used."""
_log = structlog.get_logger("wiring")


@lru_cache(maxsize=1)
def _secrets(asked: Any) -> parameters.SecretsProvider:
    """What keeps secrets for a while; `asked` has the time limits that Powertools' own has not."""
    return parameters.SecretsProvider(boto3_client=asked)


def secret_text(name: str, age_seconds: int = AGE_SECONDS) -> str:
    """The text of a secret, asked for at most each `age_seconds`; with 0 it is asked now.

    Raises:
        TemporaryError: it cannot be read.
    """
    provider = _secrets(client("secretsmanager"))
    try:
        text = provider.get(name, max_age=age_seconds, force_fetch=not age_seconds)
    except GetParameterError as error:
        raise TemporaryError(f"The secret {name} cannot be read: {error}") from error
    if isinstance(text, str):
        return text
    raise Misconfigured(f"The secret {name} holds no text.")


class SecretTokens:
    """Keeps a file as the secret says it; `tokens` reads the file whenever it is another."""

    def __init__(self, secret: str, path: Path, clock: Clock) -> None:
        """Read the secret.

        Raises:
            TemporaryError, Misconfigured: it cannot be used.
        """
        self._secret = secret
        self._path = path
        self._clock = clock
        self._text = ""
        self._look_ns = 0
        self.refresh()
        self.tokens = Tokens(path, clock)

    def refresh(self) -> None:
        """Look at the secret if it is time to; while it cannot be read what was read holds.

        Raises:
            TemporaryError, Misconfigured: it never could be read.
        """
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + AGE_SECONDS * NS_PER_SECOND
        try:
            text = secret_text(self._secret, 0)
        except TemporaryError as error:
            if not self._text:
                self._look_ns = 0
                raise
            _log.warning("wiring.tokens_not_read", body=str(error))
            return
        if text != self._text:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._path, text.encode())
            self._text = text
