"""The way in for lines from elsewhere: their formats, who may send them, and what keeps them.

A request body becomes a `Batch` (`parse_events` and `parse_raw` for Splunk's HTTP Event
Collector, `parse_otlp_json`, `parse_otlp_protobuf`, `parse_lines`), and `Ingest` keeps it.
"""

from tallystick.watch.collect.ingest.ack_channels import AckChannels, is_channel
from tallystick.watch.collect.ingest.batch import Batch, Writer, event_key, is_index
from tallystick.watch.collect.ingest.flight import APPROACHING, Flight, Load
from tallystick.watch.collect.ingest.gunzip import gunzip
from tallystick.watch.collect.ingest.hec import HecBatch, HecRefusal, parse_events, parse_raw
from tallystick.watch.collect.ingest.hec_answers import HEC_ANSWERS, HecAnswer
from tallystick.watch.collect.ingest.hec_authorization import hec_token
from tallystick.watch.collect.ingest.hec_event import HecMetadata
from tallystick.watch.collect.ingest.ingest import Ingest, IngestSettings, Kept
from tallystick.watch.collect.ingest.json_lines import JsonLines, LineError, parse_lines
from tallystick.watch.collect.ingest.otlp import OtlpBatch
from tallystick.watch.collect.ingest.otlp_json import parse_otlp_json
from tallystick.watch.collect.ingest.otlp_protobuf import parse_otlp_protobuf

__all__ = [
    "APPROACHING",
    "HEC_ANSWERS",
    "AckChannels",
    "Batch",
    "Flight",
    "HecAnswer",
    "HecBatch",
    "HecMetadata",
    "HecRefusal",
    "Ingest",
    "IngestSettings",
    "JsonLines",
    "Kept",
    "LineError",
    "Load",
    "OtlpBatch",
    "Writer",
    "event_key",
    "gunzip",
    "hec_token",
    "is_channel",
    "is_index",
    "parse_events",
    "parse_lines",
    "parse_otlp_json",
    "parse_otlp_protobuf",
    "parse_raw",
]
