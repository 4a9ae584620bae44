"""The whole product, its own log lines, and everybody who asks for them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from splunklib import client, results

pytestmark = pytest.mark.server
Until = Callable[[Callable[[], Any]], Any]


def test_what_was_done_is_found_by_all(
    product: Any, until: Until, tallystick: Callable[..., Any]
) -> None:
    """A request is a line: in our API, through Splunk's SDK, and in the terminal."""
    product.stranger.get("/nowhere/splunk")
    query = 'url.path="/nowhere/splunk"'

    def found() -> Any:
        return product.demo.get("/v1/logs", params={"q": query}).json()["logs"]

    (line,) = until(found)
    where = urlsplit(product.url)
    service = client.connect(
        scheme="http", host=where.hostname, port=where.port, splunkToken=product.tokens["demo"]
    )
    stream = service.jobs.export(f"search {query}", output_mode="json")
    (result,) = list(results.JSONResultsReader(stream))
    stream.close()
    assert json.loads(result["_raw"])["url.path"] == line["url.path"] == "/nowhere/splunk"
    assert result["http.response.status_code"] == "404"
    shown = tallystick("logs", query, "--json", data=product.folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["log.seq"] == line["log.seq"]
