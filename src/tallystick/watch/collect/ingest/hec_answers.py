"""What the HTTP Event Collector answers: Splunk's codes, their HTTP status and their text.

Source: Splunk "Troubleshoot HTTP Event Collector", and answers measured on Splunk Enterprise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import msgspec


@dataclass(frozen=True)
class HecAnswer:
    """One answer; `invalid_event_number` (from 0) names the event that was not taken."""

    code: int
    status: int
    text: str
    invalid_event_number: int | None = None

    def at_event(self, number: int) -> Self:
        """The same answer about the event with this number, from 0."""
        return replace(self, invalid_event_number=number)

    def body(self, more: Mapping[str, object] | None = None) -> bytes:
        """The JSON body: `{"text":"Success","code":0}`, and `more` members behind."""
        members: dict[str, object] = {"text": self.text, "code": self.code}
        if self.invalid_event_number is not None:
            members["invalid-event-number"] = self.invalid_event_number
        return msgspec.json.encode(members | dict(more or {}))


_TABLE = (
    (0, 200, "Success"),
    (1, 403, "Token disabled"),
    (2, 401, "Token is required"),
    (3, 401, "Invalid authorization"),
    (4, 403, "Invalid token"),
    (5, 400, "No data"),
    (6, 400, "Invalid data format"),
    (7, 400, "Incorrect index"),
    (8, 500, "Internal server error"),
    (9, 503, "Server is busy"),
    (10, 400, "Data channel is missing"),
    (11, 400, "Invalid data channel"),
    (12, 400, "Event field is required"),
    (13, 400, "Event field cannot be blank"),
    (14, 400, "ACK is disabled"),
    (15, 400, "Error in handling indexed fields"),
    (16, 400, "Query string authorization is not enabled"),
    (17, 200, "HEC is healthy"),
    (18, 503, "HEC is unhealthy, queues are full"),
    (19, 503, "HEC is unhealthy, ack service unavailable"),
    (20, 503, "HEC is unhealthy, queues are full, ack service unavailable"),
    (21, 400, "Invalid token"),
    (22, 400, "Token disabled"),
    (23, 503, "Server is shutting down"),
    (24, 200, "HEC queue is approaching its capacity limit"),
    (25, 200, "HEC ACK is approaching its capacity limit"),
    (26, 429, "HEC queue is at capacity and cannot process any more requests"),
    (27, 429, "HEC ACK channel is at capacity and cannot process any more requests"),
)

HEC_ANSWERS = {code: HecAnswer(code, status, text) for code, status, text in _TABLE}
"""Every answer by its code."""
