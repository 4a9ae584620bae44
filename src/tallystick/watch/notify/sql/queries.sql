-- Each query stands under its name; outbox.py reads this file.

-- name: find_alert
SELECT decision FROM alerts WHERE id = :id;

-- name: last_delivered
SELECT id, severity, raised_at_ns FROM alerts
WHERE fingerprint = :fingerprint AND delivers = 1
ORDER BY seq DESC LIMIT 1;

-- name: insert_alert
INSERT INTO alerts (id, fingerprint, severity, raised_at_ns, alert, decision, delivers)
VALUES (:id, :fingerprint, :severity, :now_ns, :alert, :decision, :delivers)
RETURNING seq;

-- name: count_swallowed
UPDATE alerts SET swallowed = swallowed + 1 WHERE id = :id;

-- name: insert_delivery
INSERT INTO deliveries (seq, channel, state, next_attempt_at_ns)
VALUES (:seq, :channel, 'pending', :now_ns);

-- name: forget_old_alerts
DELETE FROM alerts WHERE seq <= :seq AND NOT EXISTS (
    SELECT 1 FROM deliveries WHERE deliveries.seq = alerts.seq AND state = 'pending'
);

-- name: next_due
SELECT d.seq, d.attempts, a.alert FROM deliveries d JOIN alerts a USING (seq)
WHERE d.state = 'pending' AND d.channel = :channel AND d.next_attempt_at_ns <= :now_ns
ORDER BY d.seq LIMIT 1;

-- name: next_due_at
SELECT min(next_attempt_at_ns) FROM deliveries WHERE state = 'pending' AND channel = :channel;

-- name: settle
UPDATE deliveries
SET state = :state, attempts = attempts + 1, next_attempt_at_ns = :at_ns, last_error = :error
WHERE seq = :seq AND channel = :channel AND state = 'pending';

-- name: recent_alerts
SELECT seq, raised_at_ns, alert, decision, swallowed FROM alerts ORDER BY seq DESC LIMIT :limit;

-- name: deliveries_of
SELECT channel, state, attempts, next_attempt_at_ns, last_error FROM deliveries
WHERE seq = :seq ORDER BY channel;

-- name: open_silences
SELECT number, silence FROM silences WHERE ends_at_ns > :now_ns ORDER BY number;

-- name: active_silences
SELECT number, silence FROM silences
WHERE starts_at_ns <= :now_ns AND ends_at_ns > :now_ns ORDER BY number;

-- name: count_open_silences
SELECT count(*) FROM silences WHERE ends_at_ns > :now_ns;

-- name: forget_old_silences
DELETE FROM silences
WHERE ends_at_ns <= :now_ns AND number <= (SELECT max(number) FROM silences) - :kept;

-- name: known_silence
SELECT number, silence FROM silences
WHERE CAST(silence AS TEXT) ->> 'key' = :key;

-- name: insert_silence
INSERT INTO silences (starts_at_ns, ends_at_ns, silence)
VALUES (:starts_at_ns, :ends_at_ns, :silence)
RETURNING number;

-- name: end_silence
UPDATE silences SET ends_at_ns = :now_ns
WHERE number = :number AND ends_at_ns > :now_ns RETURNING number;
