-- The most frequent patterns of messages, each with its counts over time. Fragments (??): the
-- pattern of an event, the number of its bucket, the relation. Behind it comes how many.
WITH kinds AS (
  SELECT
    ?? AS pattern,
    ?? AS bucket,
    count(*) AS n,
    min(epoch_ns(_time)) AS first_ns,
    max(epoch_ns(_time)) AS last_ns,
    max(seq) AS newest
  FROM ??
  GROUP BY ALL
),
whole AS (
  SELECT
    pattern,
    sum(n) AS n,
    min(first_ns) AS first_ns,
    max(last_ns) AS last_ns,
    max(newest) AS newest,
    list(bucket ORDER BY bucket) AS spots,
    list(n ORDER BY bucket) AS sparks
  FROM kinds
  WHERE pattern IS NOT NULL
  GROUP BY pattern
)
SELECT
  pattern,
  CAST(n AS BIGINT),
  first_ns,
  last_ns,
  newest,
  spots,
  sparks,
  CAST(sum(n) OVER () AS BIGINT),
  count(*) OVER ()
FROM whole
ORDER BY n DESC, pattern
LIMIT
