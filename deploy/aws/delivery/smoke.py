#!/usr/bin/env python3
"""The smoke test after a deployment: a few questions to the door, answered as they should be.

It needs nothing but Python. Exit codes: 0 all well, 1 a question was answered wrong, 2 nobody
answered within the time.
"""

import argparse
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 120
"""How long a stage may take to answer for the first time."""
PAUSE_SECONDS = 5
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Question:
    """A request and what must be true of its answer."""

    what: str
    method: str
    path: str
    holds: Callable[[Reply], bool]


def _is_checkpoint(reply: Reply) -> bool:
    """A C2SP checkpoint: origin, size, root, an empty line, a signature."""
    lines = reply.body.decode(errors="replace").split("\n")
    size_is_number = len(lines) > 4 and lines[1].isdigit()
    return reply.status == 200 and size_is_number and lines[3] == "" and lines[4].startswith("— ")


QUESTIONS = (
    Question("the process answers", "GET", "/healthz", lambda reply: reply.status == 200),
    Question("orders can be placed", "GET", "/readyz", lambda reply: reply.status == 200),
    Question("nobody trades unknown", "POST", "/v1/orders", lambda reply: reply.status == 401),
    Question("the ledger is signed", "GET", "/v1/ledger/checkpoint", _is_checkpoint),
)


def ask(url: str, question: Question) -> Reply:
    """One request. URLError or TimeoutError where nobody answers."""
    request = urllib.request.Request(  # noqa: S310  the address is given by the pipeline
        url.rstrip("/") + question.path,
        method=question.method,
        data=b"{}" if question.method == "POST" else None,
        headers={"Content-Type": "application/json"},
    )
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=ANSWER_SECONDS, context=context if url.startswith("https") else None
        ) as answer:
            return Reply(answer.status, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Reply(refused.code, refused.read())


def first_answer(url: str, patience_seconds: float) -> bool:
    """Wait until the door answers at all."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            ask(url, QUESTIONS[0])
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            if time.monotonic() > deadline:
                return False
            time.sleep(min(PAUSE_SECONDS, patience_seconds))
        else:
            return True


def main(argv: Sequence[str] | None = None) -> int:
    """Ask everything; print one line of JSON for each."""
    parser = argparse.ArgumentParser(description="Asks a deployed stage whether it is well.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--stage", default="staging")
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS)
    arguments = parser.parse_args(argv)
    if not first_answer(arguments.url, arguments.patience):
        sys.stderr.write(f"{arguments.stage}: nobody answers at {arguments.url}\n")
        return 2
    wrong = 0
    for question in QUESTIONS:
        reply = ask(arguments.url, question)
        well = question.holds(reply)
        wrong += not well
        line = {"question": question.what, "status": reply.status, "well": well}
        sys.stdout.write(json.dumps(line) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
