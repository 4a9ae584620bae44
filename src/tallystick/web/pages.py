"""The page's files as HTTP routes: the index, its hashed assets, and nothing from elsewhere."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
"""Where `frontend/build` puts the page; it is never committed."""

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_INDEX_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
_ASSET_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By name, not by the machine's own table: a wrong one would be refused under nosniff."""
_ASSET_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\.(?:css|js|svg)", re.ASCII)
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tallystick</title>
<h1>The page has not been built</h1>
<p>Run <code>make page</code> and load this again. The API is not affected.</p>
</html>
"""


def page_routes(static: Path = STATIC) -> list[Route]:
    """`GET /` and `GET /assets/{name}` from the built page in `static`."""

    async def index(_request: Request) -> Response:
        page = static / "index.html"
        if not page.is_file():
            return HTMLResponse(_NOT_BUILT, 503, headers=_INDEX_HEADERS)
        return FileResponse(page, headers=_INDEX_HEADERS, media_type="text/html; charset=utf-8")

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        file = static / "assets" / name
        if _ASSET_NAME.fullmatch(name) is None or not file.is_file():
            return PlainTextResponse("There is no such file.\n", 404, headers=_INDEX_HEADERS)
        media_type = _MEDIA_TYPES[file.suffix]
        return FileResponse(file, headers=_ASSET_HEADERS, media_type=media_type)

    return [
        Route("/", index, methods=["GET"]),
        Route("/assets/{name}", asset, methods=["GET"]),
    ]
