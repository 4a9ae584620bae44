-- Values whose counts changed most between two periods: the change against what chance would do
-- (the square root of what there was). Fragments (??): the value of an event, whether the event is
-- of the newer period, the relation. Behind it comes how many.
WITH counted AS (
  SELECT value, count(*) FILTER (WHERE is_now) AS count, count(*) FILTER (WHERE NOT is_now) AS before
  FROM (SELECT ?? AS value, ?? AS is_now FROM ??)
  WHERE value IS NOT NULL
  GROUP BY value
)
SELECT
  value,
  count,
  before,
  CAST(sum(count) OVER () AS BIGINT),
  CAST(sum(before) OVER () AS BIGINT)
FROM counted
ORDER BY abs(count - before) / sqrt(count + before) DESC, count DESC, value
LIMIT
