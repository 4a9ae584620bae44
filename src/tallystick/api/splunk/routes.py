"""The routes of Splunk's REST that are here, below `/services` and `/servicesNS/{owner}/{app}`."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tallystick.api.services import Services
from tallystick.api.splunk import export, indexes, job_results, jobs, saved, server
from tallystick.api.splunk.asking import Handler, endpoint

ROOTS = ("/services", "/servicesNS/{owner}/{app}")
OPEN = frozenset({"auth/login", "server/info", "server/info/server-info"})
"""What is answered without a token."""

_JOBS: dict[str, dict[str, Handler]] = {
    "": {"GET": jobs.listed, "POST": jobs.create},
    "/export": {"GET": export.export, "POST": export.export},
    "/{sid}": {"GET": jobs.show, "DELETE": jobs.delete},
    "/{sid}/control": {"POST": jobs.control},
    "/{sid}/results": {"GET": job_results.results, "POST": job_results.results},
    "/{sid}/results_preview": {"GET": job_results.preview, "POST": job_results.preview},
    "/{sid}/events": {"GET": job_results.events, "POST": job_results.events},
    "/{sid}/timeline": {"GET": job_results.timeline},
    "/{sid}/summary": {"GET": job_results.summary},
    "/{sid}/search.log": {"GET": job_results.log},
}
ROUTES: dict[str, dict[str, Handler]] = {
    "auth/login": {"POST": server.login},
    "server/info": {"GET": server.info},
    "server/info/server-info": {"GET": server.info},
    "authentication/current-context": {"GET": server.context},
    "authorization/capabilities": {"GET": server.capabilities},
    "apps/local": {"GET": server.apps},
    "messages": {"GET": server.messages},
    **{f"search/jobs{end}": handlers for end, handlers in _JOBS.items()},
    **{f"search/v2/jobs{end}": handlers for end, handlers in _JOBS.items()},
    "search/parser": {"GET": jobs.parser, "POST": jobs.parser},
    "search/v2/parser": {"GET": jobs.parser, "POST": jobs.parser},
    "saved/searches": {"GET": saved.listed, "POST": saved.create},
    "saved/searches/_new": {"GET": saved.template},
    "saved/searches/{name}": {"GET": saved.show, "POST": saved.update, "DELETE": saved.delete},
    "saved/searches/{name}/dispatch": {"POST": saved.run},
    "saved/searches/{name}/history": {"GET": saved.history},
    "saved/searches/{name}/suppress": {"GET": saved.suppression},
    "saved/searches/{name}/scheduled_times": {"GET": saved.schedule},
    "data/indexes": {"GET": indexes.listed},
    "data/indexes/{name}": {"GET": indexes.show},
    "alerts/fired_alerts": {"GET": indexes.fired},
    "alerts/fired_alerts/{name}": {"GET": indexes.fired_by},
}
"""Everything that is here: path, method, what answers."""


def splunk_routes(services: Services) -> list[BaseRoute]:
    """The routes; a slash at the end makes no difference, as with Splunk."""
    return [
        Route(f"{root}/{path}{slash}", _by_method(services, path, handlers), methods=[*handlers])
        for path, handlers in ROUTES.items()
        for root in ROOTS
        for slash in ("", "/")
    ]


def _by_method(
    services: Services, path: str, handlers: dict[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    endpoints = {
        method: endpoint(services, handler, open_to_all=path in OPEN)
        for method, handler in handlers.items()
    }

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return answer
