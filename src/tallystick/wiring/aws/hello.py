"""`GET /v1/live` where API Gateway answers once: who asks, and when the page should ask again.

The product's own live stream goes on; this one says its first word and ends. The page then asks
for its lists anew every few seconds, and says that it does.
"""

from starlette.responses import Response

from tallystick import __version__
from tallystick.api import Services
from tallystick.api.operation import Call, Operation
from tallystick.web.events import Hello
from tallystick.web.live import frame_of

EVERY_SECONDS = 10
"""Between two looks of an open page."""
EVENT_STREAM = "text/event-stream"


async def hello(services: Services, call: Call) -> Response:
    """The stream's first event, alone."""
    del services
    who = call.principal
    said = Hello(who.name, who.account, sorted(who.scopes), __version__, EVERY_SECONDS)
    frame = frame_of("hello", said)
    return Response(frame, media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})


OPERATIONS = (
    Operation(
        "GET", "/v1/live", "Who asks; the page asks again after `every_seconds`.",
        hello, bytes, scope="read", media_type=EVENT_STREAM,
    ),
)  # fmt: skip
