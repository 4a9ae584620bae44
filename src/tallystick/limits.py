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
ENTITIES_MAX = 100_000
"""Most accounts (or other entities) a detector knows; the least recently used goes first."""
OUTBOX_ATTEMPTS_MAX = 12
"""Deliveries tried before an alert's delivery is parked as dead."""
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
LOG_SEGMENT_LINES_MAX = 100_000
"""Lines in the hot segment before it is sealed into Parquet files."""
LOG_SEGMENT_BYTES_MAX = 33_554_432
"""Bytes in the hot segment before it is sealed; a search reads it whole."""
LOG_UNSEALED_BYTES_MAX = 402_653_184
"""Bytes of log lines that may wait to be sealed; then no more are taken in."""
LOG_SEGMENT_SECONDS_MAX = 3_600
"""Age of the hot segment's first line before it is sealed."""
LOG_SMALL_FILES_MAX = 8
"""Small Parquet files of one index and hour before they are merged."""
LOG_PART_LINES_MAX = 1_000_000
"""Lines that a merge puts into one Parquet file; with a fourth of it a file is not small."""
LOG_PART_BYTES_MAX = 268_435_456
"""Bytes of lines, before compression, that a merge puts into one Parquet file."""
LOG_SEAL_RETRY_SECONDS = 30
"""Between a seal that failed and the next attempt."""
LOG_SEARCH_MEMORY_MIB_MAX = 512
"""Memory that searching and sealing log lines may use together."""
LOG_SEARCH_THREADS_MAX = 2
"""Threads that all searches together may use beside the event loop."""
LOG_SEARCHES_MAX = 4
"""Searches of the log store that run at once; further ones wait."""
LOG_SPILL_MIB_MAX = 4_096
"""Disk that searching and sealing may use for what does not fit into their memory."""
LOG_CACHE_MIB_MAX = 4_096
"""Disk for copies of log parts that lie in a bucket or an archive."""
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
INGEST_BODY_BYTES_MAX = 8_388_608
"""Largest body of log lines, also when it is unpacked: a Firehose batch with room to spare."""
INGEST_BYTES_IN_FLIGHT_MAX = 67_108_864
"""Most bytes of log bodies between their first byte and their answer; further senders get a 429."""
INGEST_BODY_SECONDS_MAX = 30
"""How long one body of log lines may take to arrive."""
INGEST_EVENTS_MAX = 100_000
"""Most events in one request."""
INGEST_LINES_BYTES_MAX = 67_108_864
"""Most bytes of lines that one request may become, and of lines that wait for the disk."""
INGEST_BAD_EVENTS_MAX = 100
"""Most events of one request that cannot be read before all of it is refused."""
INGEST_REFUSED_BYTES_MAX = 8_192
"""Longest text of an event that could not be taken, as it is kept."""
EVENT_IDS_KEPT_MAX = 1_000_000
"""Most event ids remembered, so that an event that comes again is stored once."""
EVENT_IDS_RECALLED_LINES_MAX = 1_000_000
"""Most of the newest lines of the store whose event ids are remembered at a start."""
EVENT_IDS_RECALL_SECONDS_MAX = 60
"""How long a start may look for them."""
REQUESTS_KEPT_MAX = 200_000
"""Most requests remembered, so that one that is sent again is stored once."""
REQUEST_REPEAT_SECONDS = 600
"""How long a request is remembered at least."""
HEC_CHANNELS_MAX = 10_000
"""Most acknowledgment channels of the HTTP Event Collector in use at once."""
HEC_ACK_IDLE_SECONDS = 3_600
"""How long an acknowledgment channel may be idle before it is forgotten."""
HEC_ACKS_MAX = 10_000
"""Most acknowledgment ids in one poll."""
DETECT_FRAME_BYTES_MAX = 256 * 1024 * 1024
"""Largest frame between the server and its detection process."""
DETECT_SEEN_MAX = 20_000
"""Most calls, prices and log counts that wait for the detection process; the oldest go first."""
DETECT_UNTOLD_MAX = 10_000
"""Most anomalies that the detection process keeps until the server has them on disk."""
DETECT_LINES_COUNTED_MAX = 20_000
"""Most log lines of one second whose services are counted for the detectors."""
