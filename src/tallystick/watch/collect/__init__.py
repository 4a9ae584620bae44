"""What was said: every log line, ours and others', kept, searched, archived and sent on.

Each folder is a room of its own with a front door; import from there.

    lines, intake   our own lines on their way in, without waiting
    ingest          lines from elsewhere: Splunk HEC, OTLP, JSON lines
    redact, scan    what must not stand in a log: taken out on the way in, looked for afterwards
    store           a hot tail and Parquet parts under a hash-chained manifest
    query           the query language: text to SQL
    search          what people and Splunk's SDK ask
    archive         parts and ledger tiles under lock, for years
    forward         lines to where teams already look
    columns         what query and store agree on
"""
