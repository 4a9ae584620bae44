-- Lines on their way into parts, with what is known of each: the names of its members, its index,
-- its time, and whether its timestamp can be made again from that time alone (6 or 9 digits).
CREATE OR REPLACE TABLE sealing AS
SELECT
  seq, raw, keys, _time, coalesce("index", '{own_index}') AS "index",
  CASE length(stamp)
    WHEN 27 THEN CASE WHEN {stamp6} = stamp THEN 6 ELSE 0 END
    WHEN 30 THEN CASE WHEN {stamp9} = stamp THEN 9 ELSE 0 END
    ELSE 0
  END AS form
FROM (
  SELECT seq, raw, keys, found[1] AS stamp, found[2] AS "index", {time} AS _time
  FROM (
    SELECT
      *, json_keys(raw) AS keys,
      json_extract_string(raw, ['/timestamp', '/com.splunk.index']) AS found
    FROM ({lines})
  )
)
