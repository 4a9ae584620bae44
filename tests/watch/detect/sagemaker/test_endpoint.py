"""The client of a hosted forest, against our own container and against a runtime that signs."""

import json
from collections.abc import Iterator
from contextlib import closing

import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.detect.sagemaker.endpoint import (
    Endpoint,
    SageMakerEndpoint,
    read_endpoint,
)
from tallystick.watch.detect.sagemaker.model import HostedModel

from .conftest import usual


def url_of(client: httpx.Client) -> str:
    """Where the container listens."""
    return str(client.base_url)


def test_our_container_is_an_endpoint(container: httpx.Client, hosted: HostedModel) -> None:
    """Rows go there in requests of bounded size; the scores are the model's, to the last bit."""
    rows = usual(600)
    with closing(SageMakerEndpoint(Endpoint(url=url_of(container)))) as endpoint:
        assert (endpoint.score(rows) == hosted.scores(rows)).all()
        assert endpoint.score(np.zeros((0, 3))).tolist() == []


def test_who_refuses_for_good_is_told_apart(container: httpx.Client) -> None:
    """Rows of another model: trying again does not help. Nobody there: it may."""
    with (
        closing(SageMakerEndpoint(Endpoint(url=url_of(container)))) as endpoint,
        pytest.raises(Misconfigured, match="400 ClientError: Line 1 has 2 values"),
    ):
        endpoint.score(np.zeros((1, 2)))
    with (
        closing(SageMakerEndpoint(Endpoint(url="http://127.0.0.1:9"))) as endpoint,
        pytest.raises(TemporaryError, match="gives no answer"),
    ):
        endpoint.score(np.zeros((1, 3)))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A SageMaker runtime on loopback that answers what it is told to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_an_endpoint_of_sagemaker_is_asked_by_its_name(runtime: str) -> None:
    """A signed InvokeEndpoint; its answer is read as the built-in forest's."""
    expected = {"scores": [{"score": 0.02}, {"score": 0.25}]}
    results = {"region": "eu-west-1", "results": [{"Body": json.dumps(expected)}]}
    with httpx.Client(trust_env=False) as control:
        control.post(f"{runtime}/moto-api/static/sagemaker/endpoint-results", json=results)
    named = Endpoint(name="rcf", region="eu-west-1", url=runtime)
    with closing(SageMakerEndpoint(named)) as endpoint:
        assert endpoint.score(np.zeros((2, 3))).tolist() == [0.02, 0.25]
        with pytest.raises(Misconfigured, match="has no scores"):
            endpoint.score(np.ones((1, 3)))  # the runtime's own answer is no JSON


def test_nobody_answers_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime cannot be reached: later, perhaps."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr("tallystick.watch.detect.sagemaker.endpoint.ATTEMPTS_MAX", 1)
    named = Endpoint(name="rcf", region="eu-west-1", url="http://127.0.0.1:9")
    with closing(SageMakerEndpoint(named)) as endpoint, pytest.raises(TemporaryError, match="rcf"):
        endpoint.score(np.zeros((1, 3)))


def test_wrong_numbers_of_scores_are_refused(runtime: str) -> None:
    """An answer for other rows is none."""
    results = {"region": "eu-west-1", "results": [{"Body": '{"scores":[{"score":1}]}'}]}
    with httpx.Client(trust_env=False) as control:
        control.post(f"{runtime}/moto-api/static/sagemaker/endpoint-results", json=results)
    named = Endpoint(name="rcf2", region="eu-west-1", url=runtime)
    with (
        closing(SageMakerEndpoint(named)) as endpoint,
        pytest.raises(Misconfigured, match="1 scores for 3 rows"),
    ):
        endpoint.score(np.zeros((3, 3)))


def test_what_names_no_endpoint_is_refused() -> None:
    """Neither a name nor a URL, or an artefact that is none."""
    with pytest.raises(Misconfigured, match="has a url, or a name"):
        SageMakerEndpoint(Endpoint())
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_endpoint(b'{"uri": 1}')
    assert read_endpoint(b'{"url": "http://x"}') == Endpoint(url="http://x")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"Error": {"Code": "ModelError"}, "OriginalStatusCode": 400}, Misconfigured),
        ({"Error": {"Code": "ModelError"}, "OriginalStatusCode": 503}, TemporaryError),
        ({"Error": {"Code": "ThrottlingException"}}, TemporaryError),
        ({"Error": {"Code": "ValidationError"}}, Misconfigured),
    ],
    ids=["model 400", "model 503", "throttled", "unknown endpoint"],
)
def test_refusals_of_the_runtime_are_told_apart(response: dict, kind: type[Exception]) -> None:
    """What the container said, and whether to come back."""
    from tallystick.watch.detect.sagemaker.endpoint import _refused  # noqa: PLC0415  its table

    assert type(_refused("rcf", response)) is kind
