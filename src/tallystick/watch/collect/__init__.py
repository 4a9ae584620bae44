"""What was said: every log line, ours and others', kept and searchable.

Our own lines go through `Intake`, lines from elsewhere through `parse_events` and `parse_raw`
(Splunk's HTTP Event Collector) into `LogStore.append`; people read with `LogStore.search`.
"""

from tallystick.watch.collect.gunzip import gunzip
from tallystick.watch.collect.hec import HecBatch, HecMetadata, hec_token, parse_events, parse_raw
from tallystick.watch.collect.hec_answers import HEC_ANSWERS, HecAnswer
from tallystick.watch.collect.intake import Intake
from tallystick.watch.collect.lines import Line
from tallystick.watch.collect.query import Query, parse_query
from tallystick.watch.collect.store import LogPage, LogStore, SegmentLimits

__all__ = [
    "HEC_ANSWERS",
    "HecAnswer",
    "HecBatch",
    "HecMetadata",
    "Intake",
    "Line",
    "LogPage",
    "LogStore",
    "Query",
    "SegmentLimits",
    "gunzip",
    "hec_token",
    "parse_events",
    "parse_query",
    "parse_raw",
]
