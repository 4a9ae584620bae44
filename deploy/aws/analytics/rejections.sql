-- Why orders were rejected: by day, account and code. A code that jumps is a client or a limit gone wrong.
SELECT
  LEFT(e.event.data.at::VARCHAR, 10) AS day,
  e.account,
  e.event.data.rejection.code::VARCHAR AS code,
  COUNT(*) AS orders
FROM entries AS e
WHERE e.type = 'tallystick.entry.order_decided'
  AND e.event.data.rejection.code IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 4 DESC
LIMIT 1000;
