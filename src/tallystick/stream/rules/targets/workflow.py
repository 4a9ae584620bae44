"""The workflow hook: starts a run of somebody's workflow and lets it answer later.

The POST is `{"run_id", "token", "callback", "rule", "input"}`, signed like a webhook. The engine
answers 2xx when it has begun, and later posts `{"token", "status", "output"}` to `callback`, where
`status` is `succeeded` or `failed` (or says so at once in its answer's body). The run id is the
parcel's key: a second POST with the same id is the same run, and an engine starts it once. The
token is an HMAC of the id under the secret: it is the same at every attempt, and kept nowhere. A
run that does not answer in time is a dead letter, and may be sent again.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick.clock import NS_PER_SECOND
from tallystick.stream.rules.targets.port import Parcel, Surroundings, options_of, secret_of
from tallystick.stream.rules.targets.posting import Poster

RUN_SECONDS_MAX = 31_536_000
"""Longest time a run may take: a year, as in Step Functions."""
CALLBACK = "/v1/rules/runs/"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to, and how long a run may take."""

    url: str
    secret_file: str | None = None
    timeout_seconds: Annotated[int, Meta(ge=1, le=RUN_SECONDS_MAX)] = 3_600


class _Said(msgspec.Struct):
    status: Literal["succeeded", "failed"] | None = None
    output: msgspec.Raw = msgspec.Raw(b"null")


class WorkflowTarget:
    """Starts a run for each parcel."""

    def __init__(self, given: Mapping[str, object], around: Surroundings) -> None:
        self._options = options_of(given, Options)
        self._secret = secret_of(self._options.secret_file, around)
        self._poster = Poster(self._options.url, self._secret, around.clock)
        self._around = around

    def token(self, run: str) -> str:
        """What an engine shows to answer for a run."""
        return hmac.new(self._secret, f"run {run}".encode(), hashlib.sha256).hexdigest()

    def is_token(self, run: str, given: str) -> bool:
        """Whether this is the run's token."""
        return hmac.compare_digest(self.token(run).encode(), given.encode())

    async def send(self, parcel: Parcel) -> None:
        """Start once; the run is noted before anybody hears of it."""
        clock, runs = self._around.clock, self._around.runs
        now_ns = clock.now_ns()
        deadline_ns = now_ns + self._options.timeout_seconds * NS_PER_SECOND
        await asyncio.to_thread(runs.begin_run, parcel, deadline_ns, now_ns)
        body = msgspec.json.encode(
            {
                "run_id": parcel.key,
                "token": self.token(parcel.key),
                "callback": f"{self._around.callback_url}{CALLBACK}{parcel.key}",
                "rule": parcel.rule,
                "input": msgspec.Raw(parcel.body),
            }
        )
        answer = await self._poster.post(parcel.key, body, {"Tallystick-Rule": parcel.rule})
        said = _said(answer)
        if said.status is not None:
            output = bytes(said.output)
            await asyncio.to_thread(runs.end_run, parcel.key, said.status, output, clock.now_ns())

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()


def _said(answer: bytes) -> _Said:
    """What an engine said at once; most say nothing of ours."""
    try:
        return msgspec.json.decode(answer, type=_Said)
    except msgspec.DecodeError:
        return _Said()
