"""Logs, metrics and traces of functions, as CloudWatch and X-Ray want them (Powertools).

What the rooms say through structlog comes out as Powertools' JSON lines, with the request's ids.
"""

import logging
import os
from collections.abc import MutableMapping
from typing import Any

import structlog
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Tallystick"
"""Of every metric."""
COUNT, MILLISECONDS = MetricUnit.Count, MetricUnit.Milliseconds
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_RESERVED = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
"""What the standard library's logging keeps for itself."""

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "tallystick"))
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE))
tracer = Tracer(disabled="AWS_XRAY_DAEMON_ADDRESS" not in os.environ)


def configure(level: str) -> None:
    """Send what the rooms say to Powertools' logger."""
    structlog.configure(
        processors=[_finish],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_names: logger,
        cache_logger_on_first_use=False,
    )


def _finish(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    said = dict(event)
    message = str(said.pop("event"))
    error = said.pop("exc_info", None)
    extra = {f"{name}_" if name in _RESERVED else name: value for name, value in said.items()}
    return (message,), {"extra": extra, "exc_info": error}
