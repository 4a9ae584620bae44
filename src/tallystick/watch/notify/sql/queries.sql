-- Each query stands under its name; the store's parts read this file.

-- name: fold_late
PRAGMA wal_autocheckpoint = 20000;

-- Alerts --------------------------------------------------------------------------------------

-- name: find_alert
SELECT seq, decision, ends FROM alerts WHERE id = :id;

-- name: insert_alert
INSERT INTO alerts (id, fingerprint, severity, raised_at_ns, alert, decision, delivers, ends)
VALUES (:id, :fingerprint, :severity, :now_ns, :alert, :decision, 0, :ends)
RETURNING seq;

-- name: decide_alert
UPDATE alerts SET decision = :decision, delivers = :delivers WHERE seq = :seq;

-- name: count_swallowed
UPDATE alerts SET swallowed = swallowed + 1 WHERE id = :id;

-- name: forget_old_alerts
DELETE FROM alerts
WHERE seq <= :seq
    AND NOT EXISTS (SELECT 1 FROM members WHERE members.alert = alerts.seq AND ended_ns = 0)
    AND NOT EXISTS (
        SELECT 1 FROM told INNER JOIN messages USING (transition)
        WHERE told.alert = alerts.seq AND messages.state = 'pending'
    );

-- name: forget_members_of_old_alerts
DELETE FROM members WHERE alert <= :seq AND ended_ns > 0;

-- name: recent_alerts
SELECT seq, raised_at_ns, alert, decision, swallowed FROM alerts
WHERE ends = 0 ORDER BY seq DESC LIMIT :limit;

-- name: deliveries_of
SELECT m.target, m.state, m.attempts, m.at_ns, m.last_error
FROM told AS t INNER JOIN messages AS m USING (transition)
WHERE t.alert = :seq ORDER BY m.target, m.id;

-- name: waits_to_be_told
SELECT 1 FROM told WHERE alert = :seq AND transition IS NULL LIMIT 1;

-- name: expect_to_be_told
INSERT OR REPLACE INTO told (alert, incident, transition) VALUES (:alert, :incident, NULL);

-- name: told_with
UPDATE told SET transition = :transition WHERE incident = :incident AND transition IS NULL;

-- Silences and inhibitions --------------------------------------------------------------------

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

-- name: add_inhibitor
INSERT OR REPLACE INTO inhibitors (shared, fingerprint, alert, both)
VALUES (:shared, :fingerprint, :alert, :both);

-- name: find_inhibitor
SELECT alert FROM inhibitors
WHERE shared = :shared AND fingerprint <> :fingerprint AND both <= :both_max LIMIT 1;

-- name: forget_inhibitor
DELETE FROM inhibitors WHERE fingerprint = :fingerprint RETURNING 1;

-- name: forget_inhibitors
DELETE FROM inhibitors;

-- Incidents -----------------------------------------------------------------------------------

-- name: incident_of_key
SELECT number, incident FROM incidents
WHERE key = :key ORDER BY state = 'resolved', number DESC LIMIT 1;

-- name: incident_of_number
SELECT number, incident FROM incidents WHERE number = :number;

-- name: insert_incident
INSERT INTO incidents (
    key, state, severity, route, storm, sums, opened_ns, due_ns, labels, incident
)
VALUES (
    :key, :state, :severity, :route, :storm, :sums, :opened_ns, :due_ns, :labels, :incident
)
RETURNING number;

-- name: update_incident
UPDATE incidents
SET
    state = :state,
    severity = :severity,
    storm = :storm,
    -- 1: somebody asked for a look that has not been taken yet.
    due_ns = iif(due_ns = 1 AND :looked = 0 AND :state <> 'resolved', 1, :due_ns),
    incident = :incident
WHERE number = :number;

-- name: schedule
UPDATE incidents SET due_ns = iif(due_ns = 1, 1, :due_ns) WHERE number = :number;

-- name: list_incidents
SELECT number, incident FROM incidents AS i
WHERE number < :before
    AND (:state IS NULL OR state = :state OR (:state = 'unresolved' AND state <> 'resolved'))
    AND (:severity IS NULL OR severity = :severity)
    AND (:route IS NULL OR route = :route)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:labels) AS wanted
        WHERE NOT EXISTS (
            SELECT 1 FROM json_each(i.labels) AS there
            WHERE there.key = wanted.key AND there.value = wanted.value
        )
    )
ORDER BY number DESC LIMIT :limit;

-- name: due_incidents
SELECT number FROM incidents WHERE due_ns > 0 AND due_ns <= :now_ns ORDER BY due_ns LIMIT :limit;

-- name: next_due_incident
SELECT min(due_ns) FROM incidents WHERE due_ns > 0;

-- name: look_at_all
UPDATE incidents SET due_ns = 1 WHERE state <> 'resolved';

-- name: look_at_storm
UPDATE incidents SET due_ns = 1 WHERE storm = :number AND storm > 0 AND state <> 'resolved';

-- name: look_at_incident
UPDATE incidents SET due_ns = 1 WHERE number = :number AND state <> 'resolved';

-- name: count_opened
SELECT count(*) FROM (
    SELECT 1 FROM incidents
    WHERE route = :route AND sums = 0 AND opened_ns > :since_ns LIMIT :limit
);

-- name: open_storm
SELECT number, incident FROM incidents
WHERE route = :route AND sums = 1 AND state <> 'resolved' ORDER BY number DESC LIMIT 1;

-- name: count_in_storm
SELECT count(*) FROM incidents WHERE storm = :number AND storm > 0 AND state <> 'resolved';

-- name: forget_old_incidents
DELETE FROM incidents
WHERE number IN (
    SELECT i.number FROM incidents AS i
    WHERE i.number <= :number AND i.state = 'resolved' AND NOT EXISTS (
        SELECT 1 FROM messages AS m WHERE m.incident = i.number AND m.state = 'pending'
    )
    LIMIT 100
)
RETURNING number;

-- name: forget_transitions
DELETE FROM transitions WHERE incident = :incident;

-- name: forget_loose_transitions
DELETE FROM transitions
WHERE id IN (
    SELECT t.id FROM transitions AS t
    WHERE t.incident = 0 AND t.id <= :id AND NOT EXISTS (
        SELECT 1 FROM messages AS m WHERE m.transition = t.id AND m.state = 'pending'
    )
    LIMIT 100
);

-- Members -------------------------------------------------------------------------------------

-- name: find_member
SELECT m.fingerprint, a.id, m.severity, a.alert, m.started_ns, m.ended_ns, m.held, m.expires_ns
FROM members AS m INNER JOIN alerts AS a ON a.seq = m.alert
WHERE m.incident = :incident AND m.fingerprint = :fingerprint;

-- name: firing_in
SELECT incident FROM members WHERE fingerprint = :fingerprint AND ended_ns = 0 ORDER BY incident;

-- name: members_firing
SELECT m.fingerprint, a.id, m.severity, a.alert, m.started_ns, m.ended_ns, m.held, m.expires_ns
FROM members AS m INNER JOIN alerts AS a ON a.seq = m.alert
WHERE m.incident = :incident AND m.ended_ns = 0 ORDER BY m.alert DESC LIMIT :limit;

-- name: members_newest
SELECT m.fingerprint, a.id, m.severity, a.alert, m.started_ns, m.ended_ns, m.held, m.expires_ns
FROM members AS m INNER JOIN alerts AS a ON a.seq = m.alert
WHERE m.incident = :incident ORDER BY m.ended_ns = 0 DESC, m.ended_ns DESC, m.alert DESC
LIMIT :limit;

-- name: members_in_storm
SELECT m.fingerprint, a.id, m.severity, a.alert, m.started_ns, m.ended_ns, m.held, m.expires_ns
FROM incidents AS i
INNER JOIN members AS m ON m.incident = i.number
INNER JOIN alerts AS a ON a.seq = m.alert
WHERE i.storm = :number AND i.storm > 0 AND i.state <> 'resolved' AND m.ended_ns = 0
ORDER BY i.number DESC LIMIT :limit;

-- name: put_member
INSERT OR REPLACE INTO members (
    incident, fingerprint, alert, severity, started_ns, ended_ns, expires_ns, held
)
VALUES (
    :incident, :fingerprint, :alert, :severity, :started_ns, 0, :expires_ns, :held
);

-- name: end_member
UPDATE members SET ended_ns = :now_ns WHERE incident = :incident AND fingerprint = :fingerprint;

-- name: end_members
UPDATE members SET ended_ns = :now_ns WHERE incident = :incident AND ended_ns = 0
RETURNING fingerprint;

-- name: hold_member
UPDATE members SET held = :held WHERE incident = :incident AND fingerprint = :fingerprint;

-- name: expired_of
SELECT incident FROM members
WHERE alert = :seq AND ended_ns > 0 AND expires_ns > 0 AND ended_ns >= expires_ns LIMIT 1;

-- name: extend_members
UPDATE members SET expires_ns = :expires_ns
WHERE fingerprint = :fingerprint AND ended_ns = 0 AND expires_ns > 0;

-- name: next_expiry
SELECT min(expires_ns) FROM members
WHERE incident = :incident AND ended_ns = 0 AND expires_ns > 0;

-- name: forget_ended_members
DELETE FROM members WHERE incident = :incident AND ended_ns > 0 AND fingerprint NOT IN (
    SELECT fingerprint FROM members WHERE incident = :incident AND ended_ns > 0
    ORDER BY ended_ns DESC LIMIT :kept
);

-- name: count_firing
SELECT count(*) FROM members INDEXED BY members_firing WHERE ended_ns = 0;

-- name: all_firing
SELECT a.alert, m.started_ns, m.held, m.incident FROM members AS m
INNER JOIN alerts AS a ON a.seq = m.alert
WHERE m.ended_ns = 0 ORDER BY m.alert DESC LIMIT :limit;

-- Timeline ------------------------------------------------------------------------------------

-- name: add_happening
INSERT INTO happenings (incident, at_ns, what, by, text)
VALUES (:incident, :at_ns, :what, :by, :text);

-- name: count_happenings
SELECT count(*) FROM happenings WHERE incident = :incident;

-- name: forget_happening
DELETE FROM happenings WHERE seq = (
    SELECT seq FROM happenings
    WHERE incident = :incident AND what <> 'opened'
    ORDER BY what NOT IN ('joined', 'ended', 'told', 'held', 'repeated'), seq LIMIT 1
) RETURNING seq;

-- name: count_skipped
UPDATE incidents SET skipped = skipped + 1 WHERE number = :incident;

-- name: timeline
SELECT at_ns, what, by, text FROM happenings WHERE incident = :incident ORDER BY seq;

-- name: skipped
SELECT skipped FROM incidents WHERE number = :incident;

-- Messages ------------------------------------------------------------------------------------

-- name: add_transition
INSERT INTO transitions (incident, number, action, why, message)
VALUES (:incident, :number, :action, :why, :message)
RETURNING id;

-- name: add_message
INSERT INTO messages (
    transition, incident, target, recipient, key, state, created_ns, at_ns
)
VALUES (:transition, :incident, :target, :recipient, :key, 'pending', :now_ns, :now_ns)
RETURNING id;

-- name: next_due
-- What is wrong goes before what is taken or over, and the critical before the rest: when a hundred
-- incidents end at once, the next one that opens does not wait for all that good news.
SELECT m.id, m.key, m.recipient, m.attempts, m.created_ns, t.message
FROM messages AS m INNER JOIN transitions AS t ON t.id = m.transition
WHERE m.id = (
    SELECT p.id FROM messages AS p
    INNER JOIN transitions AS s ON s.id = p.transition
    LEFT JOIN incidents AS i ON i.number = p.incident
    WHERE p.state = 'pending' AND p.target = :target AND p.at_ns <= :now_ns
        AND NOT EXISTS (
            SELECT 1 FROM messages AS e
            WHERE e.state = 'pending' AND e.target = p.target AND e.incident = p.incident
                AND p.incident > 0 AND e.id < p.id
        )
    ORDER BY s.action <> 'trigger', i.severity IS NOT 'critical', p.id LIMIT 1
);

-- name: next_due_at
SELECT min(m.at_ns) FROM messages AS m
WHERE m.state = 'pending' AND m.target = :target
    AND NOT EXISTS (
        SELECT 1 FROM messages AS e
        WHERE e.state = 'pending' AND e.target = m.target AND e.incident = m.incident
            AND m.incident > 0 AND e.id < m.id
    );

-- name: settle
UPDATE messages
SET
    state = :state,
    attempts = attempts + :tried,
    at_ns = :at_ns,
    last_error = :error,
    provider_id = :provider_id,
    given_up = iif(:state = 'dead', max(given_up, 1), given_up)
WHERE id = :id AND state = 'pending'
RETURNING incident, recipient, transition;

-- name: why_of
SELECT why FROM transitions WHERE id = :transition;

-- name: give_up_pending
UPDATE messages SET given_up = 1
WHERE state = 'pending' AND target = :target AND given_up = 0 AND incident > 0
RETURNING incident;

-- name: given_up
UPDATE messages SET given_up = 2 WHERE incident = :incident AND given_up = 1
RETURNING target;

-- name: find_message
SELECT
    m.id, m.incident, t.number, m.target, m.recipient, t.action, t.why, m.state, m.attempts,
    m.created_ns, m.at_ns, m.last_error, m.provider_id
FROM messages AS m INNER JOIN transitions AS t ON t.id = m.transition
WHERE m.id = :id;

-- name: messages_of_incident
SELECT
    m.id, m.incident, t.number, m.target, m.recipient, t.action, t.why, m.state, m.attempts,
    m.created_ns, m.at_ns, m.last_error, m.provider_id
FROM messages AS m INNER JOIN transitions AS t ON t.id = m.transition
WHERE m.incident = :incident ORDER BY m.id DESC LIMIT :limit;

-- name: dead_messages
-- A probe of the heartbeat is no news: sent later it would say that all was well.
SELECT
    m.id, m.incident, t.number, m.target, m.recipient, t.action, t.why, m.state, m.attempts,
    m.created_ns, m.at_ns, m.last_error, m.provider_id
FROM messages AS m INNER JOIN transitions AS t ON t.id = m.transition
WHERE m.state = 'dead' AND m.target <> 'heartbeat' AND (:target IS NULL OR m.target = :target)
ORDER BY m.id DESC LIMIT :limit;

-- name: replay_message
UPDATE messages
SET state = 'pending', attempts = 0, created_ns = :now_ns, at_ns = :now_ns, given_up = 2
WHERE id = :id AND state = 'dead' AND target <> 'heartbeat' RETURNING id;

-- name: targets_pending
SELECT DISTINCT target FROM messages WHERE state = 'pending';

-- name: bury_target
UPDATE messages
SET state = 'dead', at_ns = :now_ns, given_up = 1, last_error = :error
WHERE state = 'pending' AND target = :target
RETURNING incident;

-- name: count_messages
SELECT target, state, count(*) FROM messages WHERE state = 'pending' GROUP BY target
UNION ALL
SELECT target, state, count(*) FROM messages WHERE state = 'dead' GROUP BY target;

-- name: messages_without_key
SELECT m.id, m.target, t.message
FROM messages AS m INNER JOIN transitions AS t ON t.id = m.transition
WHERE m.key = '' LIMIT 1000;

-- name: set_key
UPDATE messages SET key = :key WHERE id = :id;
