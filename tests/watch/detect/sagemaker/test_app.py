"""The container's server over HTTP: the built-in forest's contract, and the verbose answers."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from tallystick.clock import ManualClock
from tallystick.watch.detect.sagemaker.app import PAYLOAD_BYTES_MAX
from tallystick.watch.detect.sagemaker.model import HostedModel
from tallystick.watch.detect.sagemaker.recordio import (
    LABEL,
    frame,
    frames,
    read_record,
    write_record,
)

from .conftest import container_of, csv, usual

ROWS = np.array([[0.1, 0.2, 0.3], [9.0, 9.0, 9.0]])


def invoke(
    client: httpx.Client, body: bytes, content_type: str = "text/csv", accept: str | None = None
) -> httpx.Response:
    """`POST /invocations`."""
    headers = {"Content-Type": content_type} | ({} if accept is None else {"Accept": accept})
    return client.post("/invocations", content=body, headers=headers)


def test_a_ping_is_answered_with_nothing(container: httpx.Client) -> None:
    """200 and an empty body."""
    answer = container.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_batch_transform_learns_what_it_may_send(container: httpx.Client) -> None:
    """The names are SageMaker's."""
    answer = container.get("/execution-parameters").json()
    assert set(answer) == {"MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"}
    assert answer["MaxPayloadInMB"] == 6


def test_json_scores(container: httpx.Client, hosted: HostedModel) -> None:
    """`{"scores":[{"score":..}]}`, and nothing else, as the built-in forest answers."""
    answer = invoke(container, csv(ROWS), accept="application/json")
    scores = hosted.scores(ROWS).tolist()
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"scores": [{"score": score} for score in scores]}
    assert scores[1] > 2 * scores[0]


def test_jsonlines_scores(container: httpx.Client, hosted: HostedModel) -> None:
    """An object a line."""
    answer = invoke(container, csv(ROWS), accept="application/jsonlines")
    lines = [json.loads(line)["score"] for line in answer.content.splitlines()]
    assert lines == hosted.scores(ROWS).tolist()


def test_recordio_scores(container: httpx.Client, hosted: HostedModel) -> None:
    """RecordIO in and out: the label `score` in 32 bits."""
    body = b"".join(frame(write_record(row)) for row in ROWS)
    kind = "application/x-recordio-protobuf"
    answer = invoke(container, body, kind, kind)
    found = [read_record(each)[LABEL]["score"][0] for each in frames(answer.content)]
    assert found == pytest.approx(hosted.scores(ROWS.astype(np.float32)).tolist())


@pytest.mark.parametrize(
    ("content_type", "accept", "kind"),
    [
        ("text/csv", None, "application/json"),
        ("text/csv", "*/*", "application/json"),
        ("text/csv", "text/html, application/jsonlines", "application/jsonlines"),
        ("application/jsonlines", "*/*", "application/jsonlines"),
    ],
)
def test_the_answer_is_in_the_form_that_was_asked_for(
    container: httpx.Client, content_type: str, accept: str | None, kind: str
) -> None:
    """JSON by default; JSON Lines for whoever sends them."""
    body = csv(ROWS) if content_type == "text/csv" else b'{"features":[1,2,3]}\n'
    assert invoke(container, body, content_type, accept).headers["content-type"] == kind


def test_a_verbose_answer_explains(container: httpx.Client, hosted: HostedModel) -> None:
    """Probability, grade, each feature's part, the nearest usual row, and which model said so."""
    rows = np.array([[0.1, 0.2, 0.3], [0.0, -9.0, 0.0]])
    answer = invoke(container, csv(rows), accept="application/json;verbose=true").json()
    usual_row, odd = answer["scores"]

    assert answer["model"] == hosted.version
    assert usual_row["grade"] == 0.0
    assert usual_row["p_value"] > 0.01
    assert usual_row["score"] < answer["cutoff"] < odd["score"]
    assert odd["p_value"] < 1e-3
    assert odd["grade"] > 0
    assert odd["attribution"][0]["feature"] == "hour"
    parts = sum(part["low"] + part["high"] for part in odd["attribution"])
    assert parts == pytest.approx(odd["score"])
    assert odd["attribution"][0]["low"] > 0.8 * parts
    assert np.abs(odd["expected"]).max() < 5

    lines = invoke(container, csv(rows), accept="application/jsonlines;verbose=true")
    first = json.loads(lines.content.splitlines()[0])
    assert first == usual_row | {"model": hosted.version}
    assert lines.headers["x-model-version"] == hosted.version


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "said"),
    [
        (b"1,2\n", "text/csv", None, 400, "ClientError: Line 1 has 2 values; 3 are wanted."),
        (b"{", "application/json", None, 400, "ClientError: The body is no JSON"),
        (b"", "text/csv", None, 400, "ClientError: The request has no rows."),
        (b"1,2,3", "image/png", None, 415, "ClientError: Content type 'image/png'"),
        (b"1,2,3", "text/csv", "text/html", 406, "ClientError: An answer can be"),
    ],
    ids=["row", "json", "empty", "content type", "accept"],
)
def test_a_bad_request_is_told(
    container: httpx.Client, body: bytes, content_type: str, accept: str | None, status: int,
    said: str,
) -> None:  # fmt: skip
    """A status and a sentence, which SageMaker hands on as the OriginalMessage."""
    answer = invoke(container, body, content_type, accept)
    assert answer.status_code == status
    assert answer.text.startswith(said)


def test_other_paths_and_methods_are_refused(container: httpx.Client) -> None:
    """There is nothing else in a container."""
    assert container.get("/invocations").status_code == 405
    assert container.get("/").status_code == 404


def test_four_megabytes_are_answered(container: httpx.Client) -> None:
    """The largest request of a serverless endpoint."""
    line = b"0.123456789012345678,0.123456789012345678,0.123456789012345678"
    padding = b" " * 3_000
    body = b"\n".join([line + padding] * 1_360)
    assert len(body) > 4 * 1024 * 1024 - 65_536
    assert len(invoke(container, body).json()["scores"]) == 1_360


def test_more_is_refused_before_it_is_read(container: httpx.Client) -> None:
    """413 for a body over the limit, also one that does not say its length."""
    body = b"1,2,3\n" * (PAYLOAD_BYTES_MAX // 6 + 2)
    assert invoke(container, body).status_code == 413
    answer = container.post("/invocations", content=iter([body[:1_000_000]] * 8))
    assert answer.status_code == 413
    assert container.get("/ping").status_code == 200


def test_many_ask_at_once(container: httpx.Client, hosted: HostedModel) -> None:
    """Everybody gets the scores of the own rows."""
    asked = [usual(50, seed) for seed in range(12)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda rows: invoke(container, csv(rows)).json(), asked))
    for rows, answer in zip(asked, answers, strict=True):
        assert [each["score"] for each in answer["scores"]] == hosted.scores(rows).tolist()


@pytest.mark.parametrize("accept", ["application/json", "application/json;verbose=true"])
def test_what_takes_too_long_is_told_before_sagemaker_gives_up(
    hosted: HostedModel, accept: str
) -> None:
    """How far it came, and what to do."""
    clock = ManualClock()
    with container_of(hosted, clock, seconds_max=-1.0) as client:
        answer = invoke(client, csv(usual(10)), accept=accept)
    assert answer.status_code == 503
    assert "Only 0 of 10 rows" in answer.text
