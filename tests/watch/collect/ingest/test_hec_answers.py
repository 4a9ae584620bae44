"""The answers of the HTTP Event Collector, byte for byte."""

import pytest

from tallystick.watch.collect.ingest import HEC_ANSWERS


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [
        (0, 200, b'{"text":"Success","code":0}'),
        (2, 401, b'{"text":"Token is required","code":2}'),
        (4, 403, b'{"text":"Invalid token","code":4}'),
        (5, 400, b'{"text":"No data","code":5}'),
        (9, 503, b'{"text":"Server is busy","code":9}'),
        (14, 400, b'{"text":"ACK is disabled","code":14}'),
        (17, 200, b'{"text":"HEC is healthy","code":17}'),
        (23, 503, b'{"text":"Server is shutting down","code":23}'),
    ],
)
def test_an_answer_on_the_wire(code: int, status: int, body: bytes) -> None:
    """Members and their order are Splunk's."""
    assert (HEC_ANSWERS[code].status, HEC_ANSWERS[code].body()) == (status, body)


def test_an_answer_about_one_event() -> None:
    """The number counts from 0 and has Splunk's name."""
    body = b'{"text":"Invalid data format","code":6,"invalid-event-number":0}'
    assert HEC_ANSWERS[6].at_event(0).body() == body


def test_every_code_is_there_once() -> None:
    """Codes 0 to 27, under their own number."""
    assert list(HEC_ANSWERS) == list(range(28))
    assert all(answer.code == code for code, answer in HEC_ANSWERS.items())
