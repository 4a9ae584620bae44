-- What each account traded: by day and pair, how often, how much of the base and quote currency.
SELECT
  LEFT(e.event.data.at::VARCHAR, 10) AS day,
  e.account,
  e.event.data."order".pair::VARCHAR AS pair,
  COUNT(*) AS fills,
  SUM(fill.quantity::VARCHAR::DECIMAL(38, 5)) AS base,
  SUM(fill.amount::VARCHAR::DECIMAL(38, 5)) AS quote
FROM entries AS e, e.event.data.fills AS fill
WHERE e.type IN ('tallystick.entry.order_decided', 'tallystick.entry.order_filled')
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 5 DESC
LIMIT 1000;
