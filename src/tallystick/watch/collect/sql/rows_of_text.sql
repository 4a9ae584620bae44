-- Lines of a hot segment as rows. Parameters: sequence number of the first line; the lines.
SELECT
  CAST(? AS BIGINT) + number - 1 AS seq,
  TRY_CAST(json_extract_string(raw, '/timestamp') AS TIMESTAMP_NS) AS "timestamp",
  json_extract_string(raw, '/severity_text') AS severity_text,
  json_extract_string(raw, '/event_name') AS event_name,
  json_extract_string(raw, '/body') AS body,
  raw
FROM unnest(string_split(?, chr(10))) WITH ORDINALITY AS lines(raw, number)
