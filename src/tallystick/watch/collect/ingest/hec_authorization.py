"""The token in the `Authorization` header of Splunk's HTTP Event Collector."""

import base64
import binascii

from tallystick.watch.collect.ingest.hec_answers import HEC_ANSWERS, HecAnswer

_TOKEN_REQUIRED, _BAD_AUTHORIZATION = HEC_ANSWERS[2], HEC_ANSWERS[3]


def hec_token(authorization: str | None) -> str | HecAnswer:
    """The token of `Authorization: Splunk <token>`, or Basic with the token as the password.

    Anything else is answered with code 2 (nothing given) or 3 (not understood).
    """
    if not authorization:
        return _TOKEN_REQUIRED
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return _BAD_AUTHORIZATION
        credentials = decoded.partition(":")[2]
    elif scheme.lower() != "splunk":
        return _BAD_AUTHORIZATION
    return credentials or _BAD_AUTHORIZATION
