-- Positions that the warehouse never heard. The ledger has no gaps: what is missing here was lost on
-- the way or is older than the stream keeps, and no sum above it is whole.
SELECT before + 1 AS first_missing, position - 1 AS last_missing, position - before - 1 AS entries
FROM (
  SELECT position, COALESCE(LAG(position) OVER (ORDER BY position), -1) AS before
  FROM entries
) AS neighbours
WHERE position <> before + 1
ORDER BY position
LIMIT 1000;
