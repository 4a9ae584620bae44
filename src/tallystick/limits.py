"""A limit on everything, with its unit in its name."""

BODY_BYTES_MAX = 65_536
"""Largest request body of one order; HEC batches have their own."""
HEC_BODY_BYTES_MAX = 2_097_152
"""Largest HEC body: the OpenTelemetry exporter's default batch."""
ENTRY_BYTES_MAX = 65_535
"""Largest ledger entry: the uint16 length of a C2SP tlog-tiles bundle."""
PAGE_ITEMS_MAX = 1_000
"""Most items in one page of any list."""
PAGE_ITEMS_DEFAULT = 100
"""Items in a page when the client names no limit."""
WAITING_ORDERS_MAX = 8_192
"""Most orders waiting for their commit before new ones are told to come back; so also the most
entries in one commit."""
KEY_CHARACTERS_MAX = 64
"""Longest client_order_id or Idempotency-Key."""
REASON_CHARACTERS_MAX = 500
"""Longest reason of a kill switch."""
STREAM_READ_MAX = 1_024
"""Most messages in one read of the stream."""
LOG_LINES_WAITING_MAX = 100_000
"""Most log lines waiting for the log store; further ones are counted as dropped."""
LIVE_EVENTS_WAITING_MAX = 1_000
"""Most events waiting for one slow page before it is told that it missed some."""
LIVE_BYTES_WAITING_MAX = 4_194_304
"""Most bytes of events waiting for one slow page, whichever limit is met first."""
LIVE_SUBSCRIBERS_MAX = 64
"""Most pages and streams following live at once."""
ENTITIES_MAX = 50_000
"""Most (account, pair) profiles a detector holds; the least recently used goes first."""
OUTBOX_ATTEMPTS_MAX = 12
"""Deliveries tried before an alert's delivery is parked as dead."""
QUERY_CHARACTERS_MAX = 1_000
"""Longest log query."""
QUERY_SECONDS_MAX = 10
"""Longest time one log query may take."""
SHUTDOWN_SECONDS_MAX = 5
"""From the signal to the end of the process."""
LOG_LINE_BYTES_MAX = 65_536
"""Longest log line as stored; a longer one is refused or dropped and counted."""
LOG_FIELDS_MAX = 512
"""Most members of one log line that nested objects are flattened into; the rest stays nested."""
LOG_FIELD_NAME_CHARACTERS_MAX = 256
"""Longest dotted name that flattening makes."""
LOG_BATCH_LINES_MAX = 1_000
"""Most log lines encoded and written at once, so that other threads get their turn between."""
LOG_SEGMENT_LINES_MAX = 50_000
"""Lines in the hot segment before it is sealed into a Parquet file."""
LOG_SEGMENT_BYTES_MAX = 16_777_216
"""Bytes in the hot segment before it is sealed; a search reads it whole."""
LOG_SEGMENT_SECONDS_MAX = 3_600
"""Age of the hot segment's first line before it is sealed."""
LOG_SMALL_FILES_MAX = 8
"""Neighbouring small Parquet files before they are merged."""
LOG_SMALL_FILE_BYTES_MAX = 67_108_864
"""A Parquet file is small while its lines, before compression, are shorter than this together."""
LOG_SEAL_RETRY_SECONDS = 30
"""Between a seal that failed and the next attempt."""
LOG_SEARCH_MEMORY_MIB_MAX = 512
"""Memory that searching and sealing log lines may use together."""
LOG_SEARCH_THREADS_MAX = 2
"""Threads that one search may use beside the event loop."""
QUERY_TERMS_MAX = 50
"""Most terms in one log query."""
SUBJECT_FIELDS_MAX = 32
"""Most personal fields in one recording of a subject."""
SUBJECT_FIELD_BYTES_MAX = 4_096
"""Longest value of a personal field, in UTF-8."""
SUBJECT_FIELD_NAMES_MAX = 128
"""Most different field names in all recordings of one subject: its erasure names them all."""
SUBJECT_RECORDINGS_MAX = 256
"""Most recordings of one subject: its erasure names them all."""
SUBJECT_CALLS_WAITING_MAX = 1_024
"""Most recordings, readings and erasures waiting for their turn."""
VERSIONS_MAX = 100
"""Most versions of a document in one page: each comes with its proof."""
FOLLOWERS_MAX = 64
"""Most clients that follow the ledger at once."""
FOLLOW_ROWS_MAX = 256
"""Most entries said to a follower at once; it is asked to take them before more are read."""
QLDB_PART_CHARACTERS_MAX = 15_000
"""Characters of an imported document in one entry: at most 60,000 bytes, however they are spelled.
"""
LINKED_ORDERS_MAX = 4
"""Most orders that come with one: if done, and the other leg of a one-cancels-other."""
ORDER_STEPS_MAX = 1_000
"""Most steps of an order that are told with it."""
BATCH_ORDERS_MAX = 1_000
"""Most orders in one batch."""
BATCH_BODY_BYTES_MAX = 1_048_576
"""Largest body of a batch of orders."""
PRICE_FOLLOWERS_MAX = 256
"""Most clients that follow prices at once, over server-sent events and WebSockets together."""
PRICE_UPDATES_KEPT_MAX = 10_000
"""How many price updates back a client that resumes is told what it missed."""
PRICE_PAIRS_CHARACTERS_MAX = 1_000
"""Longest list of pairs in a query: every pair once is shorter."""
PRICE_SOCKET_MESSAGE_BYTES_MAX = 4_096
"""Longest message of a client over the price WebSocket."""
PRICE_SOCKET_MESSAGES_PER_SECOND_MAX = 20
"""Most messages of such a client a second."""
PRICE_SOCKET_AUTH_SECONDS_MAX = 5
"""How long a client that connects without a token may take to say it."""
OVERRIDE_NOTE_CHARACTERS_MAX = 4_096
"""Longest signed note that overrides a limit."""
APPROVERS_MAX = 1_000
"""Most people who may override limits."""
CANCELS_AT_ONCE_MAX = 4_000
"""Most orders that a stop of trading takes back in its own commit; further ones follow."""
QUOTE_SECONDS = 10
"""How long a quote that was asked for may be taken."""
QUOTES_OPEN_MAX = 64
"""Most quotes of one account that may be taken at once."""
