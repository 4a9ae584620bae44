"""The document about an incident: its facts, its escapes, and its headings to complete."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tallystick.api.postmortem import QUESTIONS, span
from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify import Matcher

Check = Callable[..., dict[str, Any]]
Soon = Callable[[Callable[[], Any]], Any]


def document(client: httpx.Client, number: int) -> str:
    """The document about a trouble, as Markdown."""
    found = client.get("/v1/incidents", params={"label": f"trouble={number}"}).json()
    response = client.get(f"/v1/incidents/{found['incidents'][0]['id']}/postmortem")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert 'filename="I-' in response.headers["content-disposition"]
    return response.text


def rows(text: str, heading: str) -> list[list[str]]:
    """The rows of the table under a heading."""
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines[2:]]


def test_it_has_the_facts(app: Any, client: httpx.Client, soon: Soon) -> None:
    """What was seen, who was told when and how, who took it, orders, log and ledger."""
    app.raise_alert(1, position=1, order_id="O-1", summary="A price is stale.")
    (item,) = client.get("/v1/incidents", params={"label": "trouble=1"}).json()["incidents"]
    path = f"/v1/incidents/{item['id']}"
    soon(lambda: [e for e in client.get(path).json()["messages"] if e["state"] == "delivered"])
    client.post(f"{path}/acknowledge", json={})
    client.post(f"{path}/resolve", json={"note": "The feed is back."})
    text = document(client, 1)
    assert text.startswith(f"# {item['id']}: A price is stale.\n")
    table = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("| ")]
    facts = {row[0]: row[1] for row in table if len(row) == 2}
    assert facts["Severity"] == "error"
    assert facts["Acknowledged"].endswith(", ada")
    assert facts["Resolved by"] == "ada"
    assert next(row[1] for row in rows(text, "Timeline")) == "opened"
    assert "The feed is back." in text
    (alert,) = rows(text, "Alerts")
    assert alert[3] == "A price is stale."
    told = rows(text, "Who was told")
    assert told[0][2] == "it began"
    assert told[0][3].startswith("arrived after ")
    (proof,) = rows(text, "Orders and proofs")
    assert (proof[0], proof[1], len(proof[3])) == ("1", "O-1", 64)
    assert "tallystick verify" in text
    assert "GET /v1/logs?" in text
    for heading, _ in QUESTIONS:
        assert f"\n## {heading}\n" in text


def test_text_from_outside_stays_text(app: Any, client: httpx.Client) -> None:
    """Nothing that an alert says becomes a link, a row, an image or HTML."""
    evil = "a | b\n| c <script>x</script> ![i](http://x) `code` [l](javascript:1) # h *b*"
    app.raise_alert(2, summary=evil)
    text = document(client, 2)
    assert "<script>" not in text
    assert "!\\[i\\](http://x)" in text
    assert "\\[l\\](javascript:1)" in text
    (alert,) = rows(text, "Alerts")
    assert len(alert) == 4
    assert "a \\| b \\| c \\<script\\>" in alert[3]


def test_one_that_goes_on_and_told_nobody(app: Any, client: httpx.Client) -> None:
    """It says so, instead of leaving holes."""
    now_ns = app.clock.now_ns()
    about = (Matcher("trouble", "=", "3"),)
    app.notifier.add_silence(about, now_ns, now_ns + 3_600 * NS_PER_SECOND, "a drill", "ada")
    app.raise_alert(3)
    text = document(client, 3)
    assert "Nobody was told." in text
    assert "and it goes on" in text
    assert "nobody yet" in text
    assert "It is about no ledger entry." in text
    assert "still fires" in text


def test_one_that_is_not_there(client: httpx.Client, no: Check) -> None:
    """404, as for the incident."""
    no(client.get("/v1/incidents/I-999/postmortem"), 404, "UNKNOWN_INCIDENT")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.34, "340 ms"), (12, "12 s"), (60, "1 min"), (125, "2 min 5 s"), (7_500, "2 h 5 min"),
        (90_061, "1 d 1 h"), (86_700, "1 d"), (-1, "0 ms"),
    ],
)  # fmt: skip
def test_how_long(seconds: float, said: str) -> None:
    """In its two largest units."""
    assert span(round(seconds * NS_PER_SECOND)) == said
