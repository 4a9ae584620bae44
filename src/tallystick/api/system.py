"""Health, metrics and the API's own description."""

import msgspec
from starlette.responses import HTMLResponse, Response

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import TemporaryError


class Health(msgspec.Struct, frozen=True):
    """`ok`; what is missing is said as a problem."""

    status: str


async def healthz(_services: Services, _call: Call) -> Health:
    """The process answers."""
    return Health("ok")


async def readyz(services: Services, _call: Call) -> Health:
    """Orders can be placed: the ledger is open, prices are there, nothing is full."""
    missing = services.ready()
    if missing is not None:
        raise TemporaryError(missing)
    return Health("ok")


async def document(body: bytes, media_type: str, _services: Services, _call: Call) -> Response:
    """A document that is made once, at start."""
    return Response(body, media_type=media_type)


async def page(html: str, headers: dict[str, str], _services: Services, _call: Call) -> Response:
    """The API reference as a page."""
    return HTMLResponse(html, headers=headers)


OPERATIONS = (
    Operation("GET", "/healthz", "Whether the process answers.", healthz, Health),
    Operation("GET", "/readyz", "Whether orders can be placed.", readyz, Health),
)  # fmt: skip
