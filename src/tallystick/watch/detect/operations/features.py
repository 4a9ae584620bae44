"""The features of the operations detectors: every number that a finding of theirs may name."""

from tallystick.watch.detect.feature import Feature, named

FEATURES = named(
    Feature(
        "failed_share", "share",
        "Share of a route's last calls that were answered with a status of 500 or above.",
        "calls", ("route_errors",),
    ),
    Feature(
        "slow_share", "share",
        "Share of a route's last calls that took over three times its usual 95 % duration.",
        "calls", ("route_latency",),
    ),
    Feature(
        "call_duration", "ms", "Median duration of a route's last calls.",
        "calls", ("route_latency",),
    ),
    Feature(
        "new_networks", "networks",
        "Networks (IPv4 /24, IPv6 /48) that an established account never called from before.",
        "calls", ("new_address",),
    ),
    Feature(
        "new_keys", "keys", "Tokens that an established account never called with before.",
        "calls", ("new_key",),
    ),
    Feature(
        "key_rest", "s", "Seconds since a token was last used.", "calls", ("dormant_key",),
    ),
    Feature(
        "denied_share", "share",
        "Share of the last calls of a token (or network) that were answered 403 (or 401).",
        "calls", ("access_denied",),
    ),
    Feature(
        "quote_age", "s", "Seconds of open market since a pair was last quoted.",
        "quotes", ("stale_prices",),
    ),
    Feature(
        "price_age", "s", "Seconds of open market since a pair's quote last changed.",
        "quotes", ("stale_prices",),
    ),
    Feature(
        "source_age", "s", "Seconds of open market since a source last quoted any pair.",
        "quotes", ("stale_prices",),
    ),
    Feature(
        "unchanged_quotes", "quotes", "How often in a row a pair's quote came again unchanged.",
        "quotes", ("stale_prices",),
    ),
    Feature(
        "spread", "bps", "Ask less bid, against the mid; zero or negative when crossed.",
        "quotes", ("crossed_quotes",),
    ),
    Feature(
        "triangle_error", "spreads",
        "How far a cross is from what its two dollar pairs make of it, in all half spreads.",
        "quotes", ("crossed_quotes",),
    ),
    Feature(
        "log_age", "s", "Seconds since a service last logged, in hours in which it usually logs.",
        "logs", ("log_silence",),
    ),
    Feature(
        "route_requests", "requests in 10 s", "Calls of a route in ten seconds.",
        "calls", ("metric_shift",),
    ),
    Feature(
        "route_error_share", "% of the calls",
        "Share of a route's calls in ten seconds that were answered with 500 or above.",
        "calls", ("metric_shift",),
    ),
    Feature(
        "route_p50", "ms", "Median duration of a route's calls in ten seconds.",
        "calls", ("metric_shift",),
    ),
    Feature(
        "route_p99", "ms", "99 % quantile of the durations of a route's calls in ten seconds.",
        "calls", ("metric_shift",),
    ),
    Feature(
        "pair_quotes", "quotes in 10 s", "Quotes of a pair in ten seconds.",
        "quotes", ("metric_shift",),
    ),
    Feature(
        "pair_spread", "bps", "Median spread of a pair's quotes in ten seconds.",
        "quotes", ("metric_shift",),
    ),
    Feature(
        "pair_orders", "orders in 10 s", "Orders decided in a pair in ten seconds.",
        "ledger", ("metric_shift",),
    ),
    Feature(
        "pair_volume", "of the base currency in 10 s",
        "Base currency asked for by the orders decided in a pair in ten seconds.",
        "ledger", ("metric_shift",),
    ),
    Feature(
        "service_lines", "log lines in 10 s", "Log lines of a service in an index in ten seconds.",
        "logs", ("metric_shift",),
    ),
)  # fmt: skip
"""By name; `docs/reference/features.md` is written from them."""
