-- The newest fitting rows before a sequence number. Parameters: those of the rows; the sequence
-- number; those of the conditions; how many.
SELECT seq, raw
FROM ({rows})
WHERE seq < ? AND {conditions}
ORDER BY seq DESC
LIMIT ?
