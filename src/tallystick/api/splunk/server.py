"""What a client of Splunk asks first: who am I, what are you, and is all well."""

from starlette.responses import Response

from tallystick import __version__
from tallystick.api.splunk.asking import Asked, fed, said
from tallystick.api.splunk.atom import BUILD, VERSION, Entry, Feed, Value, response_xml
from tallystick.api.splunk.results import MEDIA_TYPES
from tallystick.api.splunk.rows import SERVER
from tallystick.clock import rfc3339
from tallystick.errors import Refused

CAPABILITIES = ("search", "list_indexes", "schedule_search", "rest_properties_get")
"""What a token with the scope `operate` may do here, in Splunk's words."""


def now(asked: Asked) -> str:
    """The moment of the answer."""
    return rfc3339(asked.services.clock.now_ns())


async def login(asked: Asked) -> Response:
    """A session key for a token: it is the token itself, so that it ends when the token does."""
    password = asked.one("password") or ""
    try:
        principal = asked.services.tokens.principal(f"Bearer {password}")
        principal.require("operate")
    except Refused:
        return said([("WARN", "Login failed")], asked.mode, 401)
    if asked.mode == "json":
        body = b'{"sessionKey":"%b","message":"","code":""}' % password.encode()
        return Response(body, media_type=MEDIA_TYPES["json"])
    return Response(response_xml(sessionKey=password), media_type=MEDIA_TYPES["xml"])


async def info(asked: Asked) -> Response:
    """The server; its version is that of the REST that is spoken here."""
    content: dict[str, Value] = {
        "build": BUILD, "version": VERSION, "serverName": SERVER, "host": SERVER,
        "product_type": "tallystick", "product_version": __version__, "mode": "normal",
        "isFree": False, "isTrial": False, "licenseState": "OK", "server_roles": ["search_head"],
    }  # fmt: skip
    entry = Entry("server-info", "server/info/server-info", now(asked), content)
    return fed(Feed("server-info", "server/info", entry.updated, [entry], 1), asked.mode)


async def context(asked: Asked) -> Response:
    """Who is asking."""
    content: dict[str, Value] = {
        "username": asked.owner, "realname": asked.owner, "roles": ["user"],
        "capabilities": list(CAPABILITIES), "defaultApp": "search",
        "search_indexes_allowed": sorted(asked.principal.indexes or ["*"]),
    }  # fmt: skip
    entry = Entry("context", "authentication/current-context/context", now(asked), content)
    path = "authentication/current-context"
    return fed(Feed("current-context", path, entry.updated, [entry], 1), asked.mode)


async def capabilities(asked: Asked) -> Response:
    """What may be done."""
    content: dict[str, Value] = {"capabilities": list(CAPABILITIES)}
    path = "authorization/capabilities"
    entry = Entry("capabilities", f"{path}/capabilities", now(asked), content)
    return fed(Feed("capabilities", path, entry.updated, [entry], 1), asked.mode)


async def apps(asked: Asked) -> Response:
    """The one app that everything is in."""
    content: dict[str, Value] = {"label": "Search", "visible": True, "version": __version__}
    entry = Entry("search", "apps/local/search", now(asked), content)
    return fed(Feed("localapps", "apps/local", entry.updated, [entry], 1), asked.mode)


async def messages(asked: Asked) -> Response:
    """Nothing needs an administrator of Splunk here."""
    return fed(Feed("messages", "messages", now(asked), [], 0), asked.mode)
