"""A running server, as a command asks it: which one, with which token, and what it refuses."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tallystick.errors import Misconfigured, Refused, TemporaryError
from tallystick.wiring.facts import Facts, save_facts
from tallystick.wiring.server_client import ServerClient, place_of

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the settings."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def client(answering: Any) -> Iterator[ServerClient]:
    """A client of the server that answers."""
    with closing(ServerClient(answering.url, "tally_x")) as client:
        yield client


def test_an_answer_is_read(answering: Any, client: ServerClient) -> None:
    """Path, query, body and token go out; JSON of the wanted kind comes back."""
    answering.body = b'{"n": [1]}'

    found = client.ask("POST", "/v1/a%2Fb", dict[str, list[int]], query={"q": "x y"}, body=[2])

    assert found == {"n": [1]}
    assert answering.asked == [("/v1/a%2Fb?q=x+y", "Bearer tally_x", [2])]


def test_no_proxy_stands_between(
    answering: Any, client: ServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says: it would be handed the token."""
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, NOBODY)
    with closing(ServerClient(answering.url, "tally_x")) as direct:
        assert direct.ask("GET", "/", object) == client.ask("GET", "/", object) == {}


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (409, {"code": "NOT_SEALED", "detail": "Nothing."}, Refused, "Nothing."),
        (403, {}, Refused, "The server answered with status 403."),
        (503, {"code": "X", "detail": "Later."}, TemporaryError, "Later."),
        (500, {}, TemporaryError, "The server answered with status 500."),
        (404, [], Misconfigured, "is not what a Tallystick answers"),
        (200, [], Misconfigured, "is not what a Tallystick answers"),
    ],
)
def test_what_is_refused_is_told(
    answering: Any, client: ServerClient, status: int, body: object, error: type[Exception],
    sentence: str,
) -> None:  # fmt: skip
    """The server's own sentence where it says one, asked for at once or as a stream."""
    answering.status, answering.body = status, json.dumps(body).encode()

    with pytest.raises(error) as told:
        client.ask("GET", "/v1", dict[str, Any])
    assert sentence in str(told.value)
    if isinstance(told.value, Refused):
        assert told.value.code == ("NOT_SEALED" if body else "BAD_REQUEST")
    if status != 200:
        with pytest.raises(error), client.stream("/v1", {}, {}, httpx.Timeout(5)):
            pass


def test_a_stream(answering: Any, client: ServerClient) -> None:
    """Its bytes as they come."""
    answering.body = b"one\ntwo\n"
    with client.stream("/v1", {"q": "x"}, {"Accept": "text/csv"}, httpx.Timeout(5)) as response:
        assert b"".join(response.iter_bytes()) == answering.body
    assert answering.asked == [("/v1?q=x", "Bearer tally_x", None)]


@pytest.mark.parametrize(
    ("url", "token"), [(NOBODY, "x"), ("ftp://x", "x"), ("http://[", "x"), (NOBODY, "ü")]
)
def test_nobody_answers(url: str, token: str) -> None:
    """A sentence with the address and the advice, whatever is wrong."""
    with closing(ServerClient(url, token, advice="come back")) as client:
        with pytest.raises(TemporaryError, match=r"gives no answer \(.*\); come back\.$") as told:
            client.ask("GET", "/v1", object)
        assert str(told.value).startswith(url)
        with (
            pytest.raises(TemporaryError, match="gives no answer"),
            client.stream("/v1", {}, {}, httpx.Timeout(5)),
        ):
            pass


def test_which_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named; else that of the data folder, whose token goes to no other."""
    assert place_of("http://there/", "t") == ("http://there", "t")
    with pytest.raises(Misconfigured, match=r"No server has run on .*; name it with --url and"):
        place_of(None, None)
    with pytest.raises(Misconfigured, match=r"No server has run on .*; name it with --url\.$"):
        place_of(None, "t")
    save_facts(folder, Facts("http://here", "demo", "theirs", "hec", "vkey"))
    assert place_of(None, None) == place_of("http://here/", None) == ("http://here", "theirs")
    assert place_of(None, "t") == ("http://here", "t")
    with pytest.raises(Misconfigured, match="No token for http://there is known"):
        place_of("http://there", None)
    monkeypatch.setenv("TALLYSTICK_PORT", "none")
    with pytest.raises(Misconfigured, match=r"^No server is known \("):
        place_of(None, None)
