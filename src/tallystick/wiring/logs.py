"""Logging: structlog with OpenTelemetry names; every line goes to the log store.

Warnings and errors also go to standard error, for whoever looks at the terminal.
"""

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from tallystick.clock import Clock, rfc3339

Line = dict[str, Any]
Sink = Callable[[Line], None]
SERVICE_NAME = "tallystick"
_SEVERITY = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR"}
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Output:
    """What structlog calls a logger: hands finished lines to the sink."""

    def __init__(self, sink: Sink) -> None:
        self.debug = self.info = sink
        self.warning = self.error = self._loud
        self._sink = sink

    def _loud(self, line: Line) -> None:
        self._sink(line)
        words = " ".join(f"{k}={v}" for k, v in line.items() if k not in _QUIET)
        print(f"{line['severity_text']} {line['event_name']} {words}", file=sys.stderr)


_QUIET = {"timestamp", "severity_text", "event_name", "service.name"}


def configure(sink: Sink, clock: Clock, level: str) -> None:
    """Send every structlog line, and warnings of libraries, to `sink`."""
    output = _Output(sink)

    def finish(
        _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> tuple[tuple[Line], dict[str, Any]]:
        line = dict(event)
        line["timestamp"] = rfc3339(clock.now_ns())
        line["severity_text"] = _SEVERITY[method]
        line["event_name"] = line.pop("event")
        line["service.name"] = SERVICE_NAME
        if "exc_info" in line and isinstance(error := line.pop("exc_info"), BaseException):
            line["exception.type"] = type(error).__name__
            line["exception.stacktrace"] = "".join(traceback.format_exception(error))
        return (line,), {}

    structlog.configure(
        processors=[finish],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_names: output,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Library()], force=True)


def says_info(level: str) -> bool:
    """Whether lines of this severity are said at this level of `configure`."""
    return _LEVELS[level] <= _LEVELS["info"]


class _Library(logging.Handler):
    """Lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        say = log.error if record.levelno >= logging.ERROR else log.warning
        error = record.exc_info[1] if record.exc_info else None
        say("library.warned", body=record.getMessage(), logger=record.name, exc_info=error)
