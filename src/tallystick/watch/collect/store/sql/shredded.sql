-- The lines of one index with a column for each common member. Parameters: those of `odd`, then
-- the index.
CREATE OR REPLACE TABLE shredded AS
SELECT
  seq, _time, {columns}
  {rest} AS rest,
  CASE WHEN odd THEN line END AS raw,
  size
FROM (
  SELECT
    seq, _time, keys, odd, line, strlen(line) AS size,
    json_transform(CASE WHEN odd THEN '{{}}' ELSE line END, {structure}) AS member
  FROM (
    SELECT seq, _time, keys, raw AS line, {odd} AS odd
    FROM sealing
    WHERE "index" = ?
  )
)
