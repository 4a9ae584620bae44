"""What `/metrics` says beside the calls: sizes, lags and losses of every part."""

from collections.abc import Iterator
from dataclasses import dataclass

from tallystick.api.followers import Followers
from tallystick.api.metrics import Gauge
from tallystick.api.price_stream import PriceStream
from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.ledger import Ledger
from tallystick.watch.collect.archive import Archive
from tallystick.watch.collect.ingest import Ingest
from tallystick.watch.collect.store import LogStore
from tallystick.web import LiveHub
from tallystick.wiring.alerting import Alerting
from tallystick.wiring.collecting import Collecting
from tallystick.wiring.detecting.detecting import Detecting
from tallystick.wiring.machine import Machine
from tallystick.wiring.publishing import Publishing
from tallystick.wiring.saying import Saying


@dataclass(frozen=True)
class Measured:
    """The parts that have something to say."""

    ledger: Ledger
    publishing: Publishing
    saying: Saying
    detecting: Detecting
    collecting: Collecting
    archive: Archive | None
    followers: Followers
    prices: PriceStream
    hub: LiveHub
    machine: Machine
    alerting: Alerting


def gauges_of(parts: Measured) -> Iterator[Gauge]:
    """Everything that has a value now."""
    yield from _writing(parts)
    yield from _watching(parts)
    yield from _followers(parts)
    yield from parts.machine.gauges()
    yield from parts.alerting.gauges()
    if parts.archive is not None:
        yield from _archive(parts.archive)


def _writing(parts: Measured) -> Iterator[Gauge]:
    size = parts.ledger.size
    yield Gauge("tallystick_ledger_entries_total", "Entries in the ledger.", size)
    published = size - parts.publishing.size
    yield Gauge("tallystick_publish_lag_entries", "Not yet published.", published)
    away = parts.publishing.away is not None
    yield Gauge("tallystick_ledger_away", "1 while the ledger's store is away.", away)


def _watching(parts: Measured) -> Iterator[Gauge]:
    size = parts.ledger.size
    saying, collecting = parts.saying, parts.collecting
    behind = saying.relay.behind
    yield Gauge("tallystick_stream_lag_entries", "Not yet on the stream.", behind)
    lines = saying.log_relay.behind
    yield Gauge("tallystick_log_stream_lag_lines", "Not yet on a remote stream.", lines)
    for told in saying.rules.gauges():
        yield Gauge(*told)
    yield from _detecting(size, parts.detecting)
    dropped = collecting.intake.dropped
    yield Gauge("tallystick_log_lines_dropped_total", "Log lines dropped.", dropped)
    yield Gauge(
        "tallystick_log_delay_seconds",
        "From being said to being searchable, the slowest line of the last round.",
        collecting.intake.delay_seconds,
    )
    yield from _store(collecting.store)
    yield from _ingest(collecting.ingest)
    search, tails = collecting.search, collecting.tails
    yield Gauge("tallystick_log_searches", "Searches that run now.", search.places.taken)
    yield Gauge("tallystick_log_streams", "Exports and tails that run now.", search.streams.taken)
    yield Gauge("tallystick_log_tails", "Clients that follow log lines.", tails.count)
    missed = "Log lines that slow followers were not told."
    yield Gauge("tallystick_log_tail_missed_total", missed, tails.missed)
    unsealed = "Redacted lines whose originals could not be sealed."
    yield Gauge("tallystick_log_unsealed_total", unsealed, collecting.redactor.unsealed)
    for forwarder in collecting.forwarders:
        name = {"destination": forwarder.name}
        yield Gauge("tallystick_forward_lag_lines", "Not yet forwarded.", forwarder.lag, name)
        yield Gauge(
            "tallystick_forward_refused_total",
            "Log lines that a destination never takes.",
            forwarder.refused,
            name,
        )


def _detecting(size: int, detecting: Detecting) -> Iterator[Gauge]:
    counts, process = detecting.found.counts(), detecting.process
    yield Gauge("tallystick_anomalies_kept", "Anomalies kept.", counts.kept)
    held = "Of them those that nobody was alerted of."
    yield Gauge("tallystick_anomalies_held_back", held, counts.held)
    yield Gauge("tallystick_anomalies_confirmed", "Of them confirmed.", counts.confirmed)
    yield Gauge("tallystick_anomalies_dismissed", "Of them dismissed.", counts.dismissed)
    bad = "Log lines of calls that the detectors could not read."
    yield Gauge("tallystick_detect_unreadable_lines_total", bad, detecting.hearing.unreadable)
    starts = "Starts of the detection process; more than one: it has ended by itself."
    yield Gauge("tallystick_detect_starts_total", starts, process.starts)
    if process.state is None:
        return
    state = process.stands()
    yield Gauge("tallystick_detect_lag_entries", "Not yet scored.", size - state.position)
    observed = "What the detectors have looked at."
    yield Gauge("tallystick_detect_observed_total", observed, state.observed)
    unreadable = "Entries that the detectors could not read."
    yield Gauge("tallystick_detect_unreadable_total", unreadable, state.unreadable)
    resident = "What the detection process holds in memory."
    yield Gauge("tallystick_detect_resident_bytes", resident, state.resident_bytes)
    yield Gauge("tallystick_detect_held_streams", "Streams held back now.", state.held_streams)
    drifting = sum(each.drifting for each in state.drift)
    yield Gauge("tallystick_detect_drifting", "Features and calibrations that drift.", drifting)
    found = "Anomalies found since the start."
    for each in state.detectors:
        name = {"detector": each.name}
        yield Gauge("tallystick_detect_found_total", found, each.findings, name)


def _store(store: LogStore) -> Iterator[Gauge]:
    parts = store.parts()
    named = (
        ("lines_total", "Log lines that came.", store.end - 1),
        ("parts", "Sealed parts.", len(parts)),
        ("bytes", "Bytes of the sealed parts.", sum(part.size for part in parts)),
        ("pressure", "How full what is not sealed yet is, 0 to 1.", store.pressure()),
        ("manifest_records_total", "Records of the manifest.", store.head[0]),
    )
    for name, explanation, value in named:
        yield Gauge(f"tallystick_log_{name}", explanation, value)


def _ingest(ingest: Ingest) -> Iterator[Gauge]:
    named = (
        ("lines_total", "Log lines from elsewhere that were kept.", ingest.lines),
        ("duplicates_total", "Log lines that were kept before.", ingest.duplicates),
        ("events_refused_total", "Events that could not be read.", ingest.refused),
        ("bytes_in_flight", "Bytes of bodies that are being read.", ingest.flight.used),
        ("requests_refused_total", "Requests refused while too full.", ingest.flight.refused),
    )
    for name, explanation, value in named:
        yield Gauge(f"tallystick_ingest_{name}", explanation, value)


def _followers(parts: Measured) -> Iterator[Gauge]:
    following = parts.followers.count
    yield Gauge("tallystick_ledger_followers", "Clients that follow the ledger.", following)
    yield Gauge("tallystick_price_followers", "Clients that follow prices.", parts.prices.count)
    yield Gauge("tallystick_live_followers", "Pages that follow live.", parts.hub.listening)


def _archive(archive: Archive) -> Iterator[Gauge]:
    status = archive.status()
    for state, amount in status.states.items():
        by = {"state": state}
        yield Gauge("tallystick_archive_parts", "Sealed log parts by state.", amount.parts, by)
        yield Gauge("tallystick_archive_bytes", "Their bytes.", amount.size, by)
    named = (
        ("due_parts", "Not archived yet, though due.", status.due.parts),
        ("restores_running", "Restores under way.", status.restores_running),
        ("holds", "Legal holds in force.", status.holds_active),
        ("failing", "1 while a round cannot do everything.", status.problem is not None),
    )
    for name, explanation, value in named:
        yield Gauge(f"tallystick_archive_{name}", explanation, value)
    if status.ledger is not None:
        covered = status.ledger.entries or 0
        explanation = "Entries that the archived checkpoint covers."
        yield Gauge("tallystick_archive_ledger_entries", explanation, covered)
    if status.verified is not None and status.verified.ended_at is not None:
        at = parse_rfc3339(status.verified.ended_at) / NS_PER_SECOND
        explanation = "When it was verified last, seconds since the epoch."
        yield Gauge("tallystick_archive_verified_timestamp_seconds", explanation, at)
