"""Folders and URLs as sources, against real files and a real server."""

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tallystick.ledger.tiles import BUNDLE_BYTES_MAX
from tallystick.ledger.verify import FolderSource, UrlSource, open_source, verify_ledger
from tallystick.ledger.verify.report import CannotTell

TOKEN = "tally_test"


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder to who has the token; anything below `broken/` fails, `page` is a page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve, refuse or fail."""
        if self.headers["Authorization"] not in (None, f"Bearer {TOKEN}"):
            self.send_error(403)
        elif self.path.startswith("/broken/"):
            self.send_error(500)
        elif self.path.startswith("/gzip/"):
            path = Path(self.translate_path(self.path.removeprefix("/gzip")))
            body = gzip.compress(path.read_bytes()) if path.is_file() else b""
            self.send_response(200 if path.is_file() else 404)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        elif self.path == "/page/checkpoint":
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            self.wfile.write(b"<html>\n\n")
        else:
            self.path = self.path.removeprefix("/page")
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """A server of the folder on loopback; the folder is at `/` and at `/ledger/`."""
    (folder / "ledger").symlink_to(folder)
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def sources() -> Iterator[list[UrlSource]]:
    """What is put here is closed at the end."""
    opened: list[UrlSource] = []
    yield opened
    for source in opened:
        source.close()
        source.close()


@pytest.mark.parametrize("path", ["", "/", "/ledger", "/page", "/page/", "/gzip"])
def test_a_ledger_is_verified_by_url(
    log: Any, address: str, sources: list[UrlSource], path: str
) -> None:
    """The ledger is found at the address or below it in `ledger/`, even behind a start page.

    Compressed answers are read as well.
    """
    sources.append(UrlSource(address + path, token=TOKEN))
    report = verify_ledger(sources[0], log.key)
    assert (report.exit_code, report.entries) == (0, 300), report.reason


def test_a_change_is_found_by_url(
    log: Any, address: str, folder: Path, sources: list[UrlSource]
) -> None:
    """A flipped byte in what the server serves is named."""
    bundle = folder / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"123", b"124", 1))
    sources.append(UrlSource(address))
    report = verify_ledger(sources[0], log.key)
    assert (report.verdict, report.position) == ("tampered", 123)


def test_a_missing_partial_tile_is_read_from_the_full_one(
    log: Any, address: str, folder: Path, sources: list[UrlSource]
) -> None:
    """404 on a partial tile sends the reader to the full one."""
    (folder / "checkpoint").write_text(log.note([b'{"v":%d}' % number for number in range(50)]))
    sources.append(UrlSource(address))
    report = verify_ledger(sources[0], log.key)
    assert (report.exit_code, report.entries) == (0, 50), report.reason


@pytest.mark.parametrize("path", ["/nowhere", "/broken"])
def test_a_server_without_a_ledger_cannot_be_told(
    log: Any, address: str, sources: list[UrlSource], path: str
) -> None:
    """404 and 500 prove nothing."""
    sources.append(UrlSource(address + path))
    assert verify_ledger(sources[0], log.key).exit_code == 2


def test_a_refused_token_cannot_be_told(log: Any, address: str, sources: list[UrlSource]) -> None:
    """403 proves nothing, and is said."""
    sources.append(UrlSource(address, token="wrong"))
    report = verify_ledger(sources[0], log.key)
    assert report.exit_code == 2
    assert "403" in report.reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "http://[", "ftp://x/"])
def test_a_server_that_is_not_there_cannot_be_told(
    log: Any, sources: list[UrlSource], url: str
) -> None:
    """No answer, or an address that cannot be one: 2, with a sentence."""
    sources.append(UrlSource(url))
    report = verify_ledger(sources[0], log.key)
    assert report.exit_code == 2
    assert "cannot be read" in report.reason


def test_an_endless_answer_is_cut(address: str, folder: Path, sources: list[UrlSource]) -> None:
    """No more is read than a bundle can have, from a server as from a folder."""
    with (folder / "tile/0/endless").open("wb") as file:
        file.truncate(BUNDLE_BYTES_MAX + 100_000)
    sources.append(UrlSource(address))
    for source in (sources[0], FolderSource(folder)):
        data = source.fetch("tile/0/endless")
        assert data is not None
        assert len(data) == BUNDLE_BYTES_MAX + 1


def test_an_answer_that_unfolds_without_end_is_cut(
    address: str, folder: Path, sources: list[UrlSource]
) -> None:
    """Of a small compressed answer no more is unfolded than a bundle can have."""
    with (folder / "tile/0/endless").open("wb") as file:
        file.truncate(4 * BUNDLE_BYTES_MAX)
    sources.append(UrlSource(f"{address}/gzip"))
    data = sources[0].fetch("tile/0/endless")
    assert data is not None
    assert len(data) == BUNDLE_BYTES_MAX + 1


def test_a_server_lists_nothing(sources: list[UrlSource]) -> None:
    """Only what is asked for by name can be read from a server."""
    sources.append(UrlSource("http://127.0.0.1:1"))
    assert list(sources[0].files()) == []
    assert list(sources[0].versions("tile/0/000")) == []


def test_a_folder_lists_what_it_has(folder: Path) -> None:
    """Every file by its path, and every version of a tile by its width."""
    source = FolderSource(folder)
    assert set(source.files()) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }
    assert source.versions("tile/0/000") == [1, 40, 256]
    assert source.versions("tile/0/001") == [1, 44]
    assert source.versions("tile/0/002") == []
    assert source.fetch("tile/0") is None
    assert source.fetch("checkpoint/x") is None
    source.close()


def test_a_folder_that_cannot_be_read(folder: Path) -> None:
    """What is there and cannot be opened is an error, not an absence."""
    loop = folder / "tile/0/loop"
    loop.symlink_to(loop)
    with pytest.raises(CannotTell, match="cannot be read"):
        FolderSource(folder).fetch("tile/0/loop")


def test_what_a_person_means(tmp_path: Path) -> None:
    """An address is a URL; anything else is a folder."""
    assert isinstance(open_source("https://ledger.example"), UrlSource)
    assert isinstance(open_source(str(tmp_path)), FolderSource)
    assert str(open_source("http://ledger.example/")) == "http://ledger.example"
    assert str(open_source(str(tmp_path))) == str(tmp_path)
