"""Exporting log lines: everything that fits, as NDJSON, CSV or Parquet, without a row cap."""

from functools import partial
from typing import Literal

from starlette.responses import Response

from tallystick.api.log_stream import StreamedResponse
from tallystick.api.logs import SEARCHED, Asking, Names, names_of, question_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.watch.collect.search import MEDIA_TYPES, Format, Stopper


class ExportQuery(Asking, frozen=True, forbid_unknown_fields=True):
    """`format`: else what `Accept` names first, else NDJSON. `fields`: these and no others."""

    format: Literal["ndjson", "csv", "parquet"] | None = None
    fields: Names | None = None


async def export(services: Services, call: Call) -> Response:
    """The file, piece by piece."""
    query: ExportQuery = call.query
    question = question_of(services, call, query)
    form = query.format or form_of(call.headers.get("accept", ""))

    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="logs.{form}"',
    }
    stopper = Stopper()
    begin = partial(services.search.export, question, form, names_of(query.fields), stopper)
    return StreamedResponse(
        services.search, begin, stop=stopper.stop, media_type=MEDIA_TYPES[form], headers=headers
    )


def form_of(accept: str) -> Format:
    """The first format that an `Accept` header names; NDJSON where it names none of them."""
    for wanted in accept.lower().split(","):
        media_type = wanted.partition(";")[0].strip()
        for form, known in MEDIA_TYPES.items():
            if media_type == known:
                return form
    return "ndjson"


OPERATIONS = (
    Operation(
        "GET", "/v1/logs/export", "All lines that fit, or the whole table, as a file.",
        export, bytes, scope="operate", query=ExportQuery, media_type=MEDIA_TYPES["ndjson"],
        also=(MEDIA_TYPES["csv"], MEDIA_TYPES["parquet"]), tag="logs", refusals=SEARCHED,
    ),
)  # fmt: skip
