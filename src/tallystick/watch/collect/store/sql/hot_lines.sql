-- Lines of a hot segment as rows. Parameters: sequence number of the first line; the lines.
INSERT INTO {table}
SELECT seq, {time}, raw
FROM (
  SELECT
    CAST(? AS BIGINT) + number - 1 AS seq, raw,
    json_extract_string(raw, '/timestamp') AS stamp
  FROM unnest(string_split(?, chr(10))) WITH ORDINALITY AS lines(raw, number)
)
