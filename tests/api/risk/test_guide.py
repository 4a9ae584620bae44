"""The requests of docs/guides/risk.md are answered as the guide says."""

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "risk.md"
ANSWERS = [200, 200, 200, 202, 200, 200]
"""Of the requests in the guide's order: the first resume is asked for, the second granted."""


def requests() -> list[tuple[str, str, str, str | None, str | None]]:
    """(who, method, path, key, body) of every request of the guide."""
    found = []
    for block in re.findall(r"```sh\n(curl .*?)```", GUIDE.read_text(), re.DOTALL):
        for command in re.split(r"\n(?=curl )", block.strip()):
            words = shlex.split(command)
            headers = dict(
                words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"
            )
            body = words[words.index("-d") + 1] if "-d" in words else None
            method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
            (url,) = [word for word in words if word.startswith("$URL")]
            who = headers["Authorization"].removeprefix("Bearer $").lower()
            key = headers.get("Idempotency-Key")
            found.append((who, method, url.removeprefix("$URL"), key, body))
    return found


def test_the_guides_requests(room: Any) -> None:
    """One after another, on a room as the guide assumes it."""

    async def story() -> None:
        """As they stand."""
        async with room() as r:
            answers = []
            for who, method, path, key, body in requests():
                query: dict[str, Any] = {}
                if body == "@override.json":
                    query = {"note": r.note(value="20000000")}
                elif body is not None:
                    query = json.loads(body)
                answer = await r.ask(who, method, path, key=key, **query)
                answers.append(answer.status_code)
            assert answers == ANSWERS

    asyncio.run(story())
