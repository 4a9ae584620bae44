"""The page's files: what may be fetched, and under which headers."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from tallystick.web import page_routes
from tallystick.web.pages import CONTENT_SECURITY_POLICY, STATIC

Get = Callable[[str], httpx.Response]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A built page with one script, and a file beside it that is none of its business."""
    assets = tmp_path / "static" / "assets"
    assets.mkdir(parents=True)
    (assets / "page-abc.js").write_text("export {};\n")
    (assets / ".hidden.js").write_text("no")
    (assets / "map.json").write_text("{}")
    (tmp_path / "static" / "index.html").write_text("<!doctype html>")
    (tmp_path / "secret.js").write_text("no")
    return tmp_path / "static"


@pytest.fixture
def get(fetch: Callable[[Starlette, str], httpx.Response], static: Path) -> Get:
    """Fetches a path of that page."""
    return lambda path: fetch(Starlette(routes=page_routes(static)), path)


def test_index_is_always_asked_for_again(get: Get) -> None:
    """The index names the hashed files, so it may never be an old one."""
    response = get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"


def test_assets_are_kept_for_ever(get: Get) -> None:
    """A hashed file never changes, so browsers need not ask again."""
    response = get("/assets/page-abc.js")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/assets/page-abc.js", "/assets/none.js"])
def test_every_answer_wears_the_security_headers(get: Get, path: str) -> None:
    """No script, style or frame of anybody else, whatever is answered."""
    headers = get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name",
    ["none.js", "..%2F..%2Fsecret.js", "%2e%2e/%2e%2e/secret.js", ".hidden.js", "map.json", ""],
)
def test_nothing_else_can_be_fetched(get: Get, name: str) -> None:
    """No way leads out of the folder, to hidden files or to files of other kinds."""
    assert get(f"/assets/{name}").status_code == 404


def test_missing_page_says_what_to_do(
    fetch: Callable[[Starlette, str], httpx.Response], tmp_path: Path
) -> None:
    """Without a build the answer is a clear sentence, not an empty page."""
    response = fetch(Starlette(routes=page_routes(tmp_path / "nothing")), "/")
    assert response.status_code == 503
    assert "make page" in response.text


def test_built_page_asks_nobody_else() -> None:
    """Nothing in the built page points to another host, and nothing inline is in it."""
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page has not been built: run make page")
    index = (STATIC / "index.html").read_text()
    assert "://" not in index
    assert "<style" not in index
    assert "style=" not in index
    style = next((STATIC / "assets").glob("page-*.css")).read_text()
    assert "://" not in style
    assert "@import" not in style
