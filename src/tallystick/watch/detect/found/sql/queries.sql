-- Each query stands under its name; store.py reads this file.

-- name: insert
INSERT INTO anomalies (
    id, at_ns, found_at_ns, detector, family, entity, account, pair, surprise, held, verdict,
    anomaly
) VALUES (
    :id, :at_ns, :now_ns, :detector, :family, :entity, :account, :pair, :surprise, :held,
    (SELECT verdict FROM verdicts WHERE id = :id ORDER BY position DESC LIMIT 1),
    :anomaly
) ON CONFLICT (id) DO NOTHING RETURNING seq;

-- name: forget_old
DELETE FROM anomalies WHERE verdict IS NULL AND found_at_ns < :found_at_ns;

-- name: forget_many
DELETE FROM anomalies WHERE seq IN (
    SELECT seq FROM anomalies WHERE verdict IS NULL ORDER BY seq
    LIMIT max(0, (SELECT count(*) FROM anomalies WHERE verdict IS NULL) - :kept)
);

-- name: page
SELECT at_ns, seq, found_at_ns, anomaly FROM anomalies JOIN (
    SELECT seq AS chosen FROM anomalies
    WHERE (at_ns, seq) < (:before_ns, :before_seq) AND at_ns >= :since_ns AND at_ns < :until_ns
    AND (:detector IS NULL OR detector = :detector)
    AND (:family IS NULL OR family = :family)
    AND (:account IS NULL OR account = :account)
    AND (:pair IS NULL OR pair = :pair)
    AND (:verdict IS NULL OR coalesce(verdict, 'none') = :verdict)
    AND (:held IS NULL OR held = :held)
    AND (:surprise_min IS NULL OR surprise >= CAST(:surprise_min AS REAL))
    ORDER BY at_ns DESC, seq DESC LIMIT :limit
) ON seq = chosen ORDER BY at_ns DESC, seq DESC;

-- name: find
SELECT at_ns, seq, found_at_ns, anomaly FROM anomalies WHERE id = :id;

-- name: like_it
SELECT at_ns, seq, found_at_ns, anomaly FROM anomalies
WHERE detector = :detector AND entity = :entity AND id != :id AND (at_ns, id) < (:at_ns, :id)
ORDER BY at_ns DESC, seq DESC LIMIT :limit;

-- name: judged_like_it
SELECT at_ns, seq, found_at_ns, anomaly FROM anomalies
WHERE detector = :detector AND entity != :entity AND verdict IS NOT NULL AND at_ns <= :at_ns
ORDER BY at_ns DESC, seq DESC LIMIT :limit;

-- name: insert_verdict
INSERT INTO verdicts (position, id, verdict, entry) VALUES (:position, :id, :verdict, :entry)
ON CONFLICT (position) DO NOTHING RETURNING position;

-- name: mark
UPDATE anomalies SET verdict = (
    SELECT verdict FROM verdicts WHERE id = :id ORDER BY position DESC LIMIT 1
) WHERE id = :id;

-- name: verdicts
SELECT position, entry FROM verdicts WHERE id = :id ORDER BY position;

-- name: newest_verdict
SELECT position, entry FROM verdicts WHERE id = :id ORDER BY position DESC LIMIT 1;

-- name: judged_after
SELECT v.position, v.entry, a.anomaly FROM verdicts v JOIN anomalies a ON a.id = v.id
WHERE v.position > :position AND NOT EXISTS (
    SELECT 1 FROM verdicts later WHERE later.id = v.id AND later.position > v.position
) ORDER BY v.position LIMIT :limit;

-- name: forget_verdicts
DELETE FROM verdicts WHERE position <= (
    SELECT position FROM verdicts ORDER BY position DESC LIMIT 1 OFFSET :kept
);

-- name: counts
SELECT count(*), coalesce(sum(held), 0), count(*) FILTER (WHERE verdict = 'confirmed'),
    count(*) FILTER (WHERE verdict = 'dismissed') FROM anomalies;

-- name: place
SELECT position FROM place;

-- name: note_place
UPDATE place SET position = max(position, :position);
