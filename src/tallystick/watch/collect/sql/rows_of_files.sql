-- Sealed rows. Parameter: the list of Parquet files, oldest first.
SELECT seq, "timestamp", severity_text, event_name, body, raw
FROM read_parquet(?)
