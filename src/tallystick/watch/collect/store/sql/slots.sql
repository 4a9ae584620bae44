-- The hours (or days) that the lines of one index fall into. Parameter: nanoseconds in one.
SELECT
  epoch_ns(_time) // ? AS slot,
  count(*), min(seq), max(seq), min(epoch_ns(_time)), max(epoch_ns(_time)),
  count(rest), count(raw), sum(size)
FROM shredded
GROUP BY ALL
ORDER BY ALL
