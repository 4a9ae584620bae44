"""Asking a hosted forest: a container of ours by its URL, or an endpoint of SageMaker by its name.

SageMaker's runtime wants signed requests (AWS Signature Version 4); botocore, which comes with the
extra `aws`, makes them. Calls block: whoever asks does so beside the work that others wait for.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.detect.sagemaker.rows import CSV, JSON

ROWS_MAX = 256
"""Most rows in one request."""
SECONDS_MAX = 10.0
"""Longest wait for an answer."""
ATTEMPTS_MAX = 2


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which forest is asked.

    With a `name` it is an endpoint of SageMaker in `region`, at `url` where that is another than
    Amazon's; without one, the container at `url`.
    """

    url: str | None = None
    name: str | None = None
    region: str | None = None


class Transport(Protocol):
    """Carries one request to the model."""

    def post(self, body: bytes) -> bytes:
        """The answer to CSV, as JSON.

        Raises:
            TemporaryError: nobody answers, or it is told to come back.
            Misconfigured: it refuses, and will do so again.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class _Score(msgspec.Struct):
    score: float


class _Scores(msgspec.Struct):
    scores: list[_Score]


_DECODER = msgspec.json.Decoder(_Scores)


class SageMakerEndpoint:
    """Scores rows by asking; it learns nothing."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connects with the first request.

        Raises:
            Misconfigured: neither name nor URL, or the extra `aws` is not installed.
        """
        self._transport: Transport = _transport_of(endpoint)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each row.

        Raises:
            TemporaryError, Misconfigured: see `Transport`; also for an answer that is none.
        """
        found = [
            self._ask(rows[start : start + ROWS_MAX]) for start in range(0, len(rows), ROWS_MAX)
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _ask(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        body = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
        answer = self._transport.post(body)
        try:
            scores = np.array([each.score for each in _DECODER.decode(answer).scores])
        except ValueError as error:
            raise Misconfigured(f"The endpoint's answer has no scores: {error}.") from error
        if len(scores) != len(rows) or not np.isfinite(scores).all():
            raise Misconfigured(f"The endpoint gave {len(scores)} scores for {len(rows)} rows.")
        return scores


def read_endpoint(data: bytes) -> Endpoint:
    """The endpoint in the artefact `endpoint.json` of a model.

    Raises:
        Misconfigured: it says none.
    """
    try:
        return msgspec.json.decode(data, type=Endpoint)
    except ValueError as error:
        raise Misconfigured(f"endpoint.json cannot be read: {error}.") from error


def _transport_of(endpoint: Endpoint) -> Transport:
    if endpoint.name is not None:
        return _Runtime(endpoint.name, endpoint)
    if endpoint.url is None:
        raise Misconfigured("An endpoint has a url, or a name and a region.")
    return _Plain(endpoint.url)


class _Plain:
    """A container's own server, without signatures."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/invocations"

    def post(self, body: bytes) -> bytes:
        headers = {"Content-Type": CSV, "Accept": JSON}
        try:
            with httpx.Client(timeout=SECONDS_MAX, trust_env=False) as client:
                response = client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TemporaryError(f"{self._url} gives no answer: {error}.") from error
        if response.is_success:
            return response.content
        sentence = f"{self._url} refuses: {response.status_code} {response.text[:200].strip()}"
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise TemporaryError(sentence)
        raise Misconfigured(sentence)

    def close(self) -> None:
        """No connection is kept."""


_CALM = frozenset(
    {"ModelNotReadyException", "ServiceUnavailable", "InternalFailure", "ThrottlingException",
     "InternalDependencyException", "Throttling"}
)  # fmt: skip
"""Errors of the runtime after which trying again may help."""


class _Runtime:
    """`InvokeEndpoint` of the SageMaker runtime, signed."""

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        try:
            from botocore.config import Config  # noqa: PLC0415  the extra
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415  the extra
            from botocore.session import Session  # noqa: PLC0415  the extra
        except ModuleNotFoundError as error:
            raise Misconfigured(
                "An endpoint of SageMaker needs the extra aws: pip install 'tallystick[aws]'."
            ) from error
        config = Config(
            connect_timeout=SECONDS_MAX,
            read_timeout=SECONDS_MAX,
            retries={"mode": "standard", "max_attempts": ATTEMPTS_MAX},
        )
        self._name = name
        try:
            self._client: Any = Session().create_client(  # botocore makes its clients at run time
                "sagemaker-runtime",
                region_name=endpoint.region,
                endpoint_url=endpoint.url,
                config=config,
            )
        except (BotoCoreError, ValueError) as error:
            raise Misconfigured(f"The endpoint {name} cannot be used: {error}.") from error

    def post(self, body: bytes) -> bytes:
        from botocore.exceptions import (  # noqa: PLC0415  the extra
            BotoCoreError,
            ClientError,
            NoCredentialsError,
        )

        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._name, ContentType=CSV, Accept=JSON, Body=body
            )
            data: bytes = answer["Body"].read()
        except ClientError as error:
            raise _refused(self._name, error.response) from error
        except NoCredentialsError as error:
            raise Misconfigured(f"The endpoint {self._name}: {error}.") from error
        except BotoCoreError as error:
            raise TemporaryError(f"The endpoint {self._name}: {error}.") from error
        return data

    def close(self) -> None:
        self._client.close()


def _refused(name: str, response: Mapping[str, Any]) -> TemporaryError | Misconfigured:
    """A refusal of the runtime; a ModelError is the container's own."""
    said = response.get("Error", {})
    code = str(said.get("Code", ""))
    sentence = f"The endpoint {name} refuses: {code} {said.get('Message', '')}"
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode", 500))
        sentence = f"The model behind {name} refuses: {response.get('OriginalMessage', '')}"
        return Misconfigured(sentence) if status < 500 else TemporaryError(sentence)
    return TemporaryError(sentence) if code in _CALM else Misconfigured(sentence)
